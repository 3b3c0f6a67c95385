package kubernetes

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// Client is a client with the calls of Kubernetes beside its own. Kubernetes may be replaced by an implementation
// around it.
type Client struct {
	*clientv3.Client
	Kubernetes Interface
}

var _ Interface = (*Client)(nil)

// New makes a client; end it with Close.
func New(cfg clientv3.Config) (*Client, error) {
	inner, err := clientv3.New(cfg)
	if err != nil {
		return nil, err
	}
	client := &Client{Client: inner}
	client.Kubernetes = client
	return client, nil
}

// Get implements Interface.
func (k Client) Get(ctx context.Context, key string, opts GetOptions) (GetResponse, error) {
	read, err := k.KV.Get(ctx, key, clientv3.WithRev(opts.Revision), clientv3.WithLimit(1))
	if err != nil {
		return GetResponse{}, err
	}
	return GetResponse{KV: first(read), Revision: read.Header.Revision}, nil
}

// List implements Interface.
func (k Client) List(ctx context.Context, prefix string, opts ListOptions) (ListResponse, error) {
	from := prefix
	if opts.Continue != "" {
		from = opts.Continue
	}
	read, err := k.KV.Get(ctx, from,
		clientv3.WithRange(clientv3.GetPrefixRangeEnd(prefix)), clientv3.WithLimit(opts.Limit), clientv3.WithRev(opts.Revision))
	if err != nil {
		return ListResponse{}, err
	}
	return ListResponse{Kvs: read.Kvs, Count: read.Count, Revision: read.Header.Revision}, nil
}

// Count implements Interface.
func (k Client) Count(ctx context.Context, prefix string, _ CountOptions) (int64, error) {
	read, err := k.KV.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return read.Count, nil
}

// OptimisticPut implements Interface.
func (k Client) OptimisticPut(ctx context.Context, key string, value []byte, expectedRevision int64, opts PutOptions) (PutResponse, error) {
	put := clientv3.OpPut(key, string(value), clientv3.WithLease(opts.LeaseID))
	done, found, err := k.unlessChanged(ctx, key, expectedRevision, put, opts.GetOnFailure)
	if err != nil {
		return PutResponse{}, err
	}
	return PutResponse{KV: found, Succeeded: done.Succeeded, Revision: done.Header.Revision}, nil
}

// OptimisticDelete implements Interface.
func (k Client) OptimisticDelete(ctx context.Context, key string, expectedRevision int64, opts DeleteOptions) (DeleteResponse, error) {
	done, found, err := k.unlessChanged(ctx, key, expectedRevision, clientv3.OpDelete(key), opts.GetOnFailure)
	if err != nil {
		return DeleteResponse{}, err
	}
	return DeleteResponse{KV: found, Succeeded: done.Succeeded, Revision: done.Header.Revision}, nil
}

// unlessChanged does the operation if the key's last change has the expected revision; otherwise it may read the key.
func (k Client) unlessChanged(ctx context.Context, key string, expected int64, op clientv3.Op, get bool) (*clientv3.TxnResponse, *mvccpb.KeyValue, error) {
	txn := k.KV.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", expected)).Then(op)
	if get {
		txn = txn.Else(clientv3.OpGet(key))
	}
	done, err := txn.Commit()
	if err != nil || done.Succeeded || len(done.Responses) == 0 {
		return done, nil, err
	}
	return done, first((*clientv3.GetResponse)(done.Responses[0].GetResponseRange())), nil
}

func first(read *clientv3.GetResponse) *mvccpb.KeyValue {
	if len(read.Kvs) == 0 {
		return nil
	}
	return read.Kvs[0]
}
