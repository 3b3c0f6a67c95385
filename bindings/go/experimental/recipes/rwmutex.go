package recipe

import (
	"errors"

	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// RWMutex is a lock that many hold for reading or one for writing, in the order of their coming. One RWMutex is for one
// holder at a time.
type RWMutex struct {
	session *concurrency.Session
	prefix  string
	guard   *boundary.Object
}

// NewRWMutex is the lock below a prefix.
func NewRWMutex(s *concurrency.Session, prefix string) *RWMutex {
	return &RWMutex{session: s, prefix: prefix}
}

// RLock waits until no writer that came before is left.
func (rwm *RWMutex) RLock() error { return rwm.lock(true) }

// Lock waits until nobody who came before is left.
func (rwm *RWMutex) Lock() error { return rwm.lock(false) }

// RUnlock gives the lock back.
func (rwm *RWMutex) RUnlock() error { return rwm.unlock() }

// Unlock gives the lock back.
func (rwm *RWMutex) Unlock() error { return rwm.unlock() }

func (rwm *RWMutex) lock(read bool) error {
	object, ctx := session(rwm.session)
	request := &bridgepb.RwMutexLock{Name: []byte(rwm.prefix), Read: read}
	guard, err := object.Call(ctx, method.RwMutexLock, request, nil)
	if err != nil {
		return err
	}
	rwm.guard = guard
	return nil
}

func (rwm *RWMutex) unlock() error {
	if rwm.guard == nil {
		return errors.New("the lock is not held: call Lock or RLock first")
	}
	_, ctx := session(rwm.session)
	guard := rwm.guard
	rwm.guard = nil
	_, err := guard.Call(ctx, method.RwMutexUnlock, &bridgepb.Empty{}, nil)
	return closedBy(guard, err)
}
