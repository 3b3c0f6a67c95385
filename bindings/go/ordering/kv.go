// Package ordering keeps serializable reads from going back in time. They are answered by any member from what it has,
// and one that lags behind may answer with an older revision than the member before it did.
//
//	kv := ordering.NewKV(client.KV, ordering.NewOrderViolationSwitchEndpointClosure(client))
package ordering

import (
	"context"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// ErrNoGreaterRev: every member that was asked is behind what was read before.
var ErrNoGreaterRev = errors.New("etcdclient: no cluster members have a revision higher than the previously received revision")

// triesPerEndpoint bounds how often a call that went back in time is repeated, for each endpoint of the client: calls
// are spread over the endpoints, so after a few rounds all of them have been asked.
const triesPerEndpoint = 5

// OrderViolationFunc is asked when a response is older than one before it. The call is repeated if it answers nil, and
// fails with its error otherwise.
type OrderViolationFunc func(op clientv3.Op, resp clientv3.OpResponse, prevRev int64) error

// NewOrderViolationSwitchEndpointClosure repeats calls at other endpoints, and gives up with ErrNoGreaterRev when it
// has done so several times for each endpoint there is.
func NewOrderViolationSwitchEndpointClosure(c *clientv3.Client) OrderViolationFunc {
	var violations atomic.Int64
	return func(clientv3.Op, clientv3.OpResponse, int64) error {
		if violations.Add(1) > int64(triesPerEndpoint*len(c.Endpoints()))+1 {
			return ErrNoGreaterRev
		}
		return nil
	}
}

// NewKV is a KV whose reads and transactions never answer with an older revision than one before them.
func NewKV(kv clientv3.KV, orderViolationFunc OrderViolationFunc) clientv3.KV {
	return &ordered{KV: kv, violated: orderViolationFunc}
}

type ordered struct {
	clientv3.KV
	violated OrderViolationFunc
	// seen is the largest revision of a response.
	seen atomic.Int64
}

func (o *ordered) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	response, err := o.inOrder(ctx, clientv3.OpGet(key, opts...), func(response clientv3.OpResponse) int64 {
		return response.Get().Header.Revision
	})
	return response.Get(), err
}

// GetStream is refused: a part of an answer cannot be taken back.
func (o *ordered) GetStream(context.Context, string, ...clientv3.OpOption) (clientv3.GetStreamChan, error) {
	return nil, status.Error(codes.Unimplemented, "GetStream cannot be kept in order: use Get")
}

func (o *ordered) Txn(ctx context.Context) clientv3.Txn {
	return &transaction{kv: o, ctx: ctx}
}

// inOrder does an operation until its answer is no older than what had been seen when it began. Later answers to
// other calls do not count: they may well have overtaken it.
func (o *ordered) inOrder(ctx context.Context, op clientv3.Op, revision func(clientv3.OpResponse) int64) (clientv3.OpResponse, error) {
	before := o.seen.Load()
	for {
		response, err := o.KV.Do(ctx, op)
		if err != nil {
			return clientv3.OpResponse{}, err
		}
		if now := revision(response); now >= before {
			o.saw(now)
			return response, nil
		}
		if err := o.violated(op, response, before); err != nil {
			return clientv3.OpResponse{}, err
		}
	}
}

func (o *ordered) saw(revision int64) {
	for {
		seen := o.seen.Load()
		if revision <= seen || o.seen.CompareAndSwap(seen, revision) {
			return
		}
	}
}

// transaction collects what Txn of package clientv3 does.
type transaction struct {
	kv    *ordered
	ctx   context.Context
	cmps  []clientv3.Cmp
	then  []clientv3.Op
	other []clientv3.Op
}

func (t *transaction) If(cs ...clientv3.Cmp) clientv3.Txn {
	t.cmps = cs
	return t
}

func (t *transaction) Then(ops ...clientv3.Op) clientv3.Txn {
	t.then = ops
	return t
}

func (t *transaction) Else(ops ...clientv3.Op) clientv3.Txn {
	t.other = ops
	return t
}

func (t *transaction) Commit() (*clientv3.TxnResponse, error) {
	op := clientv3.OpTxn(t.cmps, t.then, t.other)
	response, err := t.kv.inOrder(t.ctx, op, func(response clientv3.OpResponse) int64 {
		return response.Txn().Header.Revision
	})
	return response.Txn(), err
}
