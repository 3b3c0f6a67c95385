package namespace

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/internal/access"
)

type kv struct {
	clientv3.KV
	prefix prefix
}

// NewKV is a KV whose keys are below the prefix.
func NewKV(inner clientv3.KV, pfx string) clientv3.KV { return &kv{inner, prefix(pfx)} }

// KeyPrefix is the whole prefix; locks and elections work below it.
func (k *kv) KeyPrefix() string {
	if outer, ok := k.KV.(access.Prefixed); ok {
		return outer.KeyPrefix() + string(k.prefix)
	}
	return string(k.prefix)
}

func (k *kv) Put(ctx context.Context, key, val string, opts ...clientv3.OpOption) (*clientv3.PutResponse, error) {
	if key == "" {
		return nil, rpctypes.ErrEmptyKey
	}
	response, err := k.Do(ctx, clientv3.OpPut(key, val, opts...))
	return response.Put(), err
}

func (k *kv) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	if key == "" && !open(opts) {
		return nil, rpctypes.ErrEmptyKey
	}
	op := clientv3.OpGet(key, opts...)
	if !op.IsSortOptionValid() {
		return nil, rpctypes.ErrInvalidSortOption
	}
	response, err := k.do(ctx, op)
	return response.Get(), err
}

func (k *kv) GetStream(ctx context.Context, key string, opts ...clientv3.OpOption) (clientv3.GetStreamChan, error) {
	if key == "" && !open(opts) {
		return nil, rpctypes.ErrEmptyKey
	}
	op := clientv3.OpGet(key, opts...)
	first, end := k.prefix.rangeOf(op.KeyBytes(), op.RangeBytes())
	// Options cannot be taken apart, but the last one wins.
	ranged := append(opts[:len(opts):len(opts)], func(op *clientv3.Op) {
		op.WithKeyBytes(first)
		op.WithRangeBytes(end)
	})
	parts, err := k.KV.GetStream(ctx, string(first), ranged...)
	if err != nil {
		return nil, err
	}
	stripped := make(chan clientv3.RangeStreamResponse)
	go func() {
		defer close(stripped)
		for part := range parts {
			if part.RangeResponse != nil {
				k.prefix.stripAll(part.Kvs)
			}
			select {
			case stripped <- part:
			case <-ctx.Done():
				return
			}
		}
	}()
	return stripped, nil
}

func (k *kv) Delete(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.DeleteResponse, error) {
	if key == "" && !open(opts) {
		return nil, rpctypes.ErrEmptyKey
	}
	response, err := k.do(ctx, clientv3.OpDelete(key, opts...))
	return response.Del(), err
}

func (k *kv) Do(ctx context.Context, op clientv3.Op) (clientv3.OpResponse, error) {
	if len(op.KeyBytes()) == 0 && !op.IsTxn() {
		return clientv3.OpResponse{}, rpctypes.ErrEmptyKey
	}
	return k.do(ctx, op)
}

func (k *kv) do(ctx context.Context, op clientv3.Op) (clientv3.OpResponse, error) {
	response, err := k.KV.Do(ctx, k.prefix.op(op))
	if err != nil {
		return clientv3.OpResponse{}, err
	}
	switch {
	case response.Get() != nil:
		k.prefix.stripAll(response.Get().Kvs)
	case response.Put() != nil:
		k.prefix.strip(response.Put().PrevKv)
	case response.Del() != nil:
		k.prefix.stripAll(response.Del().PrevKvs)
	case response.Txn() != nil:
		k.prefix.stripTxn((*pb.TxnResponse)(response.Txn()))
	}
	return response, nil
}

func (k *kv) Txn(ctx context.Context) clientv3.Txn { return &txn{k.KV.Txn(ctx), k.prefix} }

type txn struct {
	clientv3.Txn
	prefix prefix
}

func (t *txn) If(cs ...clientv3.Cmp) clientv3.Txn {
	t.Txn.If(t.prefix.cmps(cs)...)
	return t
}

func (t *txn) Then(ops ...clientv3.Op) clientv3.Txn {
	t.Txn.Then(t.prefix.ops(ops)...)
	return t
}

func (t *txn) Else(ops ...clientv3.Op) clientv3.Txn {
	t.Txn.Else(t.prefix.ops(ops)...)
	return t
}

func (t *txn) Commit() (*clientv3.TxnResponse, error) {
	response, err := t.Txn.Commit()
	if err != nil {
		return nil, err
	}
	t.prefix.stripTxn((*pb.TxnResponse)(response))
	return response, nil
}

// open tells whether the options make an empty key the beginning of a range.
func open(opts []clientv3.OpOption) bool {
	return clientv3.IsOptsWithFromKey(opts) || clientv3.IsOptsWithPrefix(opts)
}

func (p prefix) stripTxn(response *pb.TxnResponse) {
	for _, one := range response.Responses {
		p.strip(one.GetResponsePut().GetPrevKv())
		p.stripAll(one.GetResponseRange().GetKvs())
		p.stripAll(one.GetResponseDeleteRange().GetPrevKvs())
		if nested := one.GetResponseTxn(); nested != nil {
			p.stripTxn(nested)
		}
	}
}

func (p prefix) stripAll(pairs []*mvccpb.KeyValue) {
	for _, pair := range pairs {
		p.strip(pair)
	}
}
