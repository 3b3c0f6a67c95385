package concurrency

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	v3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/internal/access"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

const (
	defaultSessionTTL = 60
	// orphanTimeout bounds telling the core that a session is no longer kept alive; it does not ask a server.
	orphanTimeout = 5 * time.Second
)

func init() {
	access.Session = func(session any) *boundary.Object { return session.(*Session).object }
}

// Session is a lease that is kept alive for as long as its user lives: what is held in its name ends with it. Safe for
// use by many goroutines.
type Session struct {
	client *v3.Client
	opts   *sessionOptions
	id     v3.LeaseID

	// core is the client of the core that the session was made on.
	core *boundary.Object
	// object is the core's session. Locks and leaderships may outlive Orphan, so it is closed by Close or together with
	// the client.
	object  *boundary.Object
	release func()
	freed   sync.Once

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
}

type sessionOptions struct {
	ttl     int
	leaseID v3.LeaseID
	ctx     context.Context
}

// SessionOption changes a session.
type SessionOption func(*sessionOptions, *zap.Logger)

// WithTTL sets how many seconds the session outlives its process. Default 60.
func WithTTL(ttl int) SessionOption {
	return func(so *sessionOptions, lg *zap.Logger) {
		if ttl <= 0 {
			lg.Warn("WithTTL(): TTL should be > 0, preserving current TTL", zap.Int("current-session-ttl", so.ttl))
			return
		}
		so.ttl = ttl
	}
}

// WithLease makes the session keep an existing lease alive instead of one of its own.
func WithLease(leaseID v3.LeaseID) SessionOption {
	return func(so *sessionOptions, _ *zap.Logger) { so.leaseID = leaseID }
}

// WithContext sets the context with whose end the session is no longer kept alive. Default: that of the client.
func WithContext(ctx context.Context) SessionOption {
	return func(so *sessionOptions, _ *zap.Logger) { so.ctx = ctx }
}

// NewSession opens a session.
func NewSession(client *v3.Client, opts ...SessionOption) (*Session, error) {
	options := &sessionOptions{ttl: defaultSessionTTL, ctx: client.Ctx()}
	for _, opt := range opts {
		opt(options, client.GetLogger())
	}
	core, release, err := access.Namespaced(options.ctx, client)
	if err != nil {
		return nil, v3.ContextError(options.ctx, err)
	}
	config := &bridgepb.SessionConfig{Ttl: int64(options.ttl), Lease: int64(options.leaseID)}
	var opened bridgepb.SessionOpened
	object, err := core.Call(options.ctx, method.SessionOpen, config, &opened)
	if err != nil {
		release()
		return nil, v3.ContextError(options.ctx, err)
	}
	s := &Session{client: client, opts: options, id: v3.LeaseID(opened.Lease), core: core, object: object, release: release}
	s.ctx, s.cancel = context.WithCancel(options.ctx)
	s.done = make(chan struct{})
	go s.watchOver()
	return s, nil
}

// watchOver waits for the end of the session, for whatever reason.
func (s *Session) watchOver() {
	defer close(s.done)
	defer s.cancel()
	_, _ = s.object.Call(s.ctx, method.SessionDone, &bridgepb.Empty{}, nil)
	ctx, cancel := context.WithTimeout(context.Background(), orphanTimeout)
	defer cancel()
	_, _ = s.object.Call(ctx, method.SessionOrphan, &bridgepb.Empty{}, nil)
}

// Client is the client of the session.
func (s *Session) Client() *v3.Client { return s.client }

// Lease is the lease of the session.
func (s *Session) Lease() v3.LeaseID { return s.id }

// Ctx is a context that ends with the session.
func (s *Session) Ctx() context.Context { return s.ctx }

// Done is closed when the session is no longer kept alive: it was closed, or its lease was lost.
func (s *Session) Done() <-chan struct{} { return s.done }

// Orphan stops keeping the session alive. Its lease, and what is held in its name, lives on until it expires.
func (s *Session) Orphan() {
	s.cancel()
	<-s.done
}

// Close ends the session and revokes its lease: what is held in its name is free at once.
func (s *Session) Close() error {
	s.Orphan()
	defer s.freed.Do(func() {
		s.object.Close()
		s.release()
	})
	// A lease that could not be revoked for as long as it lives has expired.
	ctx, cancel := context.WithTimeout(s.opts.ctx, time.Duration(s.opts.ttl)*time.Second)
	defer cancel()
	_, err := s.client.Revoke(ctx, s.id)
	return err
}
