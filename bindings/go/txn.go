package clientv3

import (
	"context"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Txn is a transaction in the making: `client.Txn(ctx).If(…).Then(…).Else(…).Commit()`. Each part at most once and in
// this order; anything else panics.
type Txn interface {
	// If adds the conditions that must all hold for Then to be done.
	If(cs ...Cmp) Txn
	// Then adds what is done when the conditions hold.
	Then(ops ...Op) Txn
	// Else adds what is done when one does not.
	Else(ops ...Op) Txn
	// Commit sends the transaction.
	Commit() (*TxnResponse, error)
}

// part is how far a transaction has come.
type part int

const (
	nothing part = iota
	ifPart
	thenPart
	elsePart
)

var partNames = map[part]string{ifPart: "If", thenPart: "Then", elsePart: "Else"}

type txn struct {
	kv  *kv
	ctx context.Context

	mu      sync.Mutex
	last    part
	request pb.TxnRequest
}

func (t *txn) If(cs ...Cmp) Txn {
	t.enter(ifPart, func() { t.request.Compare = compares(cs) })
	return t
}

func (t *txn) Then(ops ...Op) Txn {
	t.enter(thenPart, func() { t.request.Success = requests(ops) })
	return t
}

func (t *txn) Else(ops ...Op) Txn {
	t.enter(elsePart, func() { t.request.Failure = requests(ops) })
	return t
}

func (t *txn) enter(next part, fill func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.last == next:
		panic("cannot call " + partNames[next] + " twice!")
	case t.last > next:
		panic("cannot call " + partNames[next] + " after " + partNames[t.last] + "!")
	}
	t.last = next
	fill()
}

func (t *txn) Commit() (*TxnResponse, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	response, err := t.kv.remote.Txn(t.ctx, &t.request, t.kv.options...)
	if err != nil {
		return nil, ContextError(t.ctx, err)
	}
	return (*TxnResponse)(response), nil
}
