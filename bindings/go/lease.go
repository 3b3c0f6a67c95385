package clientv3

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

type (
	// LeaseRevokeResponse is the answer to Revoke.
	LeaseRevokeResponse pb.LeaseRevokeResponse
	// LeaseID names a lease.
	LeaseID int64
)

// NoLease is the id of no lease.
const NoLease LeaseID = 0

// LeaseResponseChSize is how many unread renewals the channel of KeepAlive holds; further ones are dropped.
var LeaseResponseChSize = 16

// LeaseGrantResponse is the answer to Grant.
type LeaseGrantResponse struct {
	*pb.ResponseHeader
	ID LeaseID
	// TTL in seconds, which may be longer than what was asked for.
	TTL   int64
	Error string
}

// LeaseKeepAliveResponse is one renewal.
type LeaseKeepAliveResponse struct {
	*pb.ResponseHeader
	ID LeaseID
	// TTL in seconds, from now.
	TTL int64
}

// LeaseTimeToLiveResponse is the answer to TimeToLive.
type LeaseTimeToLiveResponse struct {
	*pb.ResponseHeader
	ID LeaseID `json:"id"`

	// TTL is what remains, in seconds; -1 when the lease does not exist.
	TTL int64 `json:"ttl"`

	// GrantedTTL is the TTL after a renewal, in seconds.
	GrantedTTL int64 `json:"granted-ttl"`

	// Keys of the lease, with WithAttachedKeys.
	Keys [][]byte `json:"keys"`
}

// LeaseStatus is a lease in a list.
type LeaseStatus struct {
	ID LeaseID `json:"id"`
}

// LeaseLeasesResponse is the answer to Leases.
type LeaseLeasesResponse struct {
	*pb.ResponseHeader
	Leases []LeaseStatus `json:"leases"`
}

// ErrKeepAliveHalted is the error of KeepAlive after the Lease was closed.
type ErrKeepAliveHalted struct{ Reason error }

func (e ErrKeepAliveHalted) Error() string {
	text := "etcdclient: leases keep alive halted"
	if e.Reason != nil {
		text += ": " + e.Reason.Error()
	}
	return text
}

// Lease grants, renews and ends leases (etcdserverpb.Lease).
type Lease interface {
	// Grant makes a lease that lives for ttl seconds. The server may make it longer.
	Grant(ctx context.Context, ttl int64) (*LeaseGrantResponse, error)
	// Revoke ends a lease and deletes its keys.
	Revoke(ctx context.Context, id LeaseID) (*LeaseRevokeResponse, error)
	// TimeToLive tells how long a lease still lives.
	TimeToLive(ctx context.Context, id LeaseID, opts ...LeaseOption) (*LeaseTimeToLiveResponse, error)
	// Leases lists all leases.
	Leases(ctx context.Context) (*LeaseLeasesResponse, error)
	// KeepAlive renews a lease again and again, three times per TTL, until the context ends. The channel tells of the
	// renewals; those that nobody reads are dropped, and the lease is renewed all the same. It is closed when the
	// context ends, or when the lease is lost: it has expired or been revoked, or no server could be reached for as
	// long as it lives.
	KeepAlive(ctx context.Context, id LeaseID) (<-chan *LeaseKeepAliveResponse, error)
	// KeepAliveOnce renews a lease once. Fails with rpctypes.ErrLeaseNotFound when it does not exist.
	KeepAliveOnce(ctx context.Context, id LeaseID) (*LeaseKeepAliveResponse, error)
	// Close ends all KeepAlives of this Lease. The leases live on until they expire.
	Close() error
}

type lessor struct {
	client  *Client
	remote  pb.LeaseClient
	options []grpc.CallOption

	// closing ends the keep-alives.
	ctx     context.Context
	closing context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
}

// NewLease is the lease service of a client, without what was put around Client.Lease.
func NewLease(c *Client) Lease { return newLessor(RetryLeaseClient(c), c) }

func newLessor(remote pb.LeaseClient, c *Client) Lease {
	ctx, closing := context.WithCancel(context.Background())
	return &lessor{client: c, remote: remote, ctx: ctx, closing: closing}
}

func (l *lessor) Grant(ctx context.Context, ttl int64) (*LeaseGrantResponse, error) {
	response, err := l.remote.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: ttl}, l.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return &LeaseGrantResponse{response.Header, LeaseID(response.ID), response.TTL, response.Error}, nil
}

func (l *lessor) Revoke(ctx context.Context, id LeaseID) (*LeaseRevokeResponse, error) {
	response, err := l.remote.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: int64(id)}, l.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*LeaseRevokeResponse)(response), nil
}

func (l *lessor) TimeToLive(ctx context.Context, id LeaseID, opts ...LeaseOption) (*LeaseTimeToLiveResponse, error) {
	op := LeaseOp{id: id}
	for _, opt := range opts {
		opt(&op)
	}
	response, err := l.remote.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: int64(op.id), Keys: op.attachedKeys}, l.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return &LeaseTimeToLiveResponse{response.Header, LeaseID(response.ID), response.TTL, response.GrantedTTL, response.Keys}, nil
}

func (l *lessor) Leases(ctx context.Context) (*LeaseLeasesResponse, error) {
	response, err := l.remote.LeaseLeases(ctx, &pb.LeaseLeasesRequest{}, l.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	leases := make([]LeaseStatus, len(response.Leases))
	for i, lease := range response.Leases {
		leases[i].ID = LeaseID(lease.ID)
	}
	return &LeaseLeasesResponse{response.Header, leases}, nil
}

func (l *lessor) KeepAliveOnce(ctx context.Context, id LeaseID) (*LeaseKeepAliveResponse, error) {
	core, err := l.client.core()
	if err != nil {
		return nil, err
	}
	var response pb.LeaseKeepAliveResponse
	if _, err := core.Call(ctx, method.LeaseKeepAliveOnce, &pb.LeaseKeepAliveRequest{ID: int64(id)}, &response); err != nil {
		return nil, ContextError(ctx, err)
	}
	if response.TTL <= 0 {
		return nil, rpctypes.ErrLeaseNotFound
	}
	return renewal(&response), nil
}

func (l *lessor) KeepAlive(ctx context.Context, id LeaseID) (<-chan *LeaseKeepAliveResponse, error) {
	renewals := make(chan *LeaseKeepAliveResponse, LeaseResponseChSize)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ctx.Err(); err != nil {
		close(renewals)
		return renewals, ErrKeepAliveHalted{Reason: err}
	}
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		defer close(renewals)
		own, end := context.WithCancel(ctx)
		defer end()
		defer context.AfterFunc(l.ctx, end)()
		l.keepAlive(own, id, renewals)
	}()
	return renewals, nil
}

// keepAlive passes the core's renewals on until there are no more.
func (l *lessor) keepAlive(ctx context.Context, id LeaseID, renewals chan<- *LeaseKeepAliveResponse) {
	core, err := l.client.core()
	if err != nil {
		return
	}
	opened, err := core.Call(ctx, method.LeaseKeepAlive, &pb.LeaseKeepAliveRequest{ID: int64(id)}, nil)
	if err != nil {
		return
	}
	stream := boundary.NewStream(opened)
	defer stream.Close()
	for {
		var response pb.LeaseKeepAliveResponse
		if err := stream.Next(ctx, &response); err != nil || response.TTL <= 0 {
			return
		}
		select {
		case renewals <- renewal(&response):
		default:
			l.client.GetLogger().Warn("lease keepalive response queue is full; dropping response send")
		}
	}
}

func renewal(response *pb.LeaseKeepAliveResponse) *LeaseKeepAliveResponse {
	return &LeaseKeepAliveResponse{response.Header, LeaseID(response.ID), response.TTL}
}

func (l *lessor) Close() error {
	l.mu.Lock()
	l.closing()
	l.mu.Unlock()
	l.running.Wait()
	return nil
}
