package concurrency

import (
	"context"
	"errors"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	v3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/ffi"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

var (
	// ErrLocked: TryLock found the lock held by another session.
	ErrLocked = errors.New("mutex: Locked by another session")
	// ErrSessionExpired: the session ended while its turn was waited for.
	ErrSessionExpired = errors.New("mutex: session is expired")
	// ErrLockReleased: Unlock of a lock that is not held.
	ErrLockReleased = errors.New("mutex: lock has already been released")
)

// noKey is the key of a Mutex that was given back; no lock has it.
const noKey = "\x00"

// Mutex is a lock that all programs with the same name share. First come, first served.
type Mutex struct {
	session *Session
	name    string
	plain   *bridgepb.PlainKey

	// mu guards what follows; it is not held while the lock is waited for.
	mu     sync.Mutex
	key    string
	rev    int64
	header *pb.ResponseHeader
	guard  *boundary.Object
}

// MutexOption changes a lock.
type MutexOption func(*Mutex)

// WithPlainKey makes the owner also hold one plain key, with this value, as clients use that invented locks of their
// own: python-etcd3 has /locks/NAME, microsoft/etcd3 the name itself. Programs on those clients are then excluded too.
// The key must not be empty nor start with pfx and a slash.
func WithPlainKey(key, value string) MutexOption {
	return func(m *Mutex) { m.plain = &bridgepb.PlainKey{Key: []byte(key), Value: []byte(value)} }
}

// NewMutex is the lock pfx, to be held in the name of the session.
func NewMutex(s *Session, pfx string, opts ...MutexOption) *Mutex {
	m := &Mutex{session: s, name: pfx, rev: -1}
	for _, opt := range opts {
		opt(m)
	}
	return m
}

// Lock waits for the lock until the context ends. A lock that is held already is held.
func (m *Mutex) Lock(ctx context.Context) error {
	return m.acquire(ctx, false)
}

// TryLock takes the lock if it is free. Fails with ErrLocked otherwise.
func (m *Mutex) TryLock(ctx context.Context) error {
	return m.acquire(ctx, true)
}

func (m *Mutex) acquire(ctx context.Context, tryOnly bool) error {
	if m.held() {
		return nil
	}
	request := &bridgepb.MutexLock{Name: []byte(m.name), TryOnly: tryOnly, Bridge: m.plain}
	var locked bridgepb.MutexLocked
	guard, err := m.session.object.Call(ctx, method.MutexLock, request, &locked)
	if err != nil {
		return lockError(ctx, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.guard, m.key, m.rev, m.header = guard, string(locked.Key), locked.Revision, locked.Header
	return nil
}

func (m *Mutex) held() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.guard != nil
}

func lockError(ctx context.Context, err error) error {
	switch boundary.KindOf(err) {
	case ffi.Locked:
		return ErrLocked
	case ffi.SessionExpired, ffi.Closed:
		return ErrSessionExpired
	default:
		return v3.ContextError(ctx, err)
	}
}

// Unlock gives the lock back.
func (m *Mutex) Unlock(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.guard == nil {
		return ErrLockReleased
	}
	_, err := m.guard.Call(ctx, method.MutexUnlock, &bridgepb.Empty{}, nil)
	// With the session the key went, too.
	if kind := boundary.KindOf(err); err != nil && kind != ffi.SessionExpired && kind != ffi.Closed {
		return v3.ContextError(ctx, err)
	}
	m.guard.Close()
	m.guard, m.key, m.rev = nil, noKey, -1
	return nil
}

// IsOwner is the condition that the lock is still held, for a transaction that must not happen otherwise.
func (m *Mutex) IsOwner() v3.Cmp {
	m.mu.Lock()
	defer m.mu.Unlock()
	return v3.Compare(v3.CreateRevision(m.key), "=", m.rev)
}

// Key is the key of the owner.
func (m *Mutex) Key() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.key
}

// Fence is a number that grows from owner to owner, or -1 while the lock is not held. Storage that remembers the
// largest it has seen can refuse a former owner.
func (m *Mutex) Fence() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rev
}

// Header is the header of the response that gave the lock.
func (m *Mutex) Header() *pb.ResponseHeader {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.header
}

// locker is a Mutex without contexts and errors.
type locker struct{ *Mutex }

func (l locker) Lock() {
	if err := l.Mutex.Lock(l.session.client.Ctx()); err != nil {
		panic(err)
	}
}

func (l locker) Unlock() {
	if err := l.Mutex.Unlock(l.session.client.Ctx()); err != nil {
		panic(err)
	}
}

// NewLocker is the lock pfx as a sync.Locker. Its methods panic on errors.
func NewLocker(s *Session, pfx string, opts ...MutexOption) sync.Locker {
	return locker{NewMutex(s, pfx, opts...)}
}
