package recipe

import (
	"errors"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// Barrier makes processes wait for as long as its key exists. Safe for use by many goroutines.
type Barrier struct {
	client *clientv3.Client
	key    string
}

// NewBarrier is the barrier at a key.
func NewBarrier(client *clientv3.Client, key string) *Barrier { return &Barrier{client, key} }

// Hold lets the barrier down. Fails with ErrKeyExists when it is.
func (b *Barrier) Hold() error { return known(b.call(method.BarrierHold)) }

// Release lifts the barrier.
func (b *Barrier) Release() error { return b.call(method.BarrierRelease) }

// Wait waits until the barrier is not down.
func (b *Barrier) Wait() error { return b.call(method.BarrierWait) }

func (b *Barrier) call(which uint32) error {
	return call(b.client, which, &bridgepb.Barrier{Key: []byte(b.key)}, nil)
}

// DoubleBarrier is entered by a number of processes together, and left by them together.
type DoubleBarrier struct {
	session *concurrency.Session
	key     string
	count   int
	entered *boundary.Object
}

// NewDoubleBarrier is the barrier at a key, for count processes.
func NewDoubleBarrier(s *concurrency.Session, key string, count int) *DoubleBarrier {
	return &DoubleBarrier{session: s, key: key, count: count}
}

// Enter waits until count processes have entered. Fails with ErrTooManyClients when so many had already.
func (b *DoubleBarrier) Enter() error {
	object, ctx := session(b.session)
	request := &bridgepb.DoubleBarrierEnter{Key: []byte(b.key), Count: uint32(b.count)}
	entered, err := object.Call(ctx, method.DoubleBarrierEnter, request, nil)
	if err != nil {
		return known(err)
	}
	b.entered = entered
	return nil
}

// Leave waits until all who entered want to leave.
func (b *DoubleBarrier) Leave() error {
	if b.entered == nil {
		return errors.New("the barrier was not entered: call Enter first")
	}
	_, ctx := session(b.session)
	_, err := b.entered.Call(ctx, method.DoubleBarrierLeave, &bridgepb.Empty{}, nil)
	return closedBy(b.entered, err)
}
