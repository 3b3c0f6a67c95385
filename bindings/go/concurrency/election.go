package concurrency

import (
	"context"
	"errors"
	"strings"
	"sync"

	"google.golang.org/grpc/status"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	v3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/ffi"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

var (
	// ErrElectionNotLeader: the session does not lead, or no longer.
	ErrElectionNotLeader = errors.New("election: not leader")
	// ErrElectionNoLeader: nobody leads.
	ErrElectionNoLeader = errors.New("election: no leader")
)

// noLeader is how the core words that nobody leads.
const noLeader = "election error: no leader"

// Election lets one of many sessions lead.
type Election struct {
	session *Session
	name    string

	// mu guards what follows; it is not held while leadership is waited for.
	mu         sync.Mutex
	leadership *boundary.Object
	key        string
	rev        int64
	header     *pb.ResponseHeader
}

// NewElection is the election pfx, to stand for in the name of the session.
func NewElection(s *Session, pfx string) *Election { return &Election{session: s, name: pfx} }

// ResumeElection is an election that the session leads already, by what Key and Rev told then. pfx ends with a slash.
func ResumeElection(s *Session, pfx string, leaderKey string, leaderRev int64) *Election {
	e := NewElection(s, strings.TrimSuffix(pfx, "/"))
	e.key, e.rev = leaderKey, leaderRev
	resume := &bridgepb.ElectionResume{Name: []byte(e.name), Key: []byte(leaderKey), Revision: leaderRev}
	leadership, err := s.object.Call(s.ctx, method.ElectionResume, resume, nil)
	if err == nil {
		e.leadership = leadership
	}
	return e
}

// Campaign waits until the session leads, and shows val to all. A session that leads already changes its value.
// When the context ends, the session no longer stands.
func (e *Election) Campaign(ctx context.Context, val string) error {
	if e.leads() {
		return e.Proclaim(ctx, val)
	}
	campaign := &bridgepb.Campaign{Name: []byte(e.name), Value: []byte(val)}
	var won bridgepb.Leadership
	leadership, err := e.session.object.Call(ctx, method.ElectionCampaign, campaign, &won)
	if err != nil {
		return electionError(ctx, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leadership, e.key, e.rev, e.header = leadership, string(won.Key), won.Revision, won.Header
	return nil
}

func (e *Election) leads() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leadership != nil
}

// Proclaim changes the value of the leader without another election. Fails with ErrElectionNotLeader.
func (e *Election) Proclaim(ctx context.Context, val string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.leadership == nil {
		return ErrElectionNotLeader
	}
	var answer bridgepb.Header
	if _, err := e.leadership.Call(ctx, method.ElectionProclaim, &bridgepb.Proclaim{Value: []byte(val)}, &answer); err != nil {
		if err = electionError(ctx, err); err == ErrElectionNotLeader {
			e.step(nil)
		}
		return err
	}
	if answer.Header != nil {
		e.header = answer.Header
	}
	return nil
}

// Resign gives leadership up, if the session has it.
func (e *Election) Resign(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.leadership == nil {
		return nil
	}
	var answer bridgepb.Header
	_, err := e.leadership.Call(ctx, method.ElectionResign, &bridgepb.Empty{}, &answer)
	// Whoever is not leader any more has resigned.
	if err = electionError(ctx, err); err != nil && err != ErrElectionNotLeader {
		return err
	}
	e.step(answer.Header)
	return nil
}

// step forgets the leadership. e.mu is held.
func (e *Election) step(header *pb.ResponseHeader) {
	e.leadership.Close()
	e.leadership, e.key = nil, ""
	if header != nil {
		e.header = header
	}
}

// Leader is the pair of the current leader. Fails with ErrElectionNoLeader.
func (e *Election) Leader(ctx context.Context) (*v3.GetResponse, error) {
	var found pb.RangeResponse
	if _, err := e.session.core.Call(ctx, method.ElectionLeader, e.leaderRequest(), &found); err != nil {
		if status.Convert(err).Message() == noLeader {
			return nil, ErrElectionNoLeader
		}
		return nil, v3.ContextError(ctx, err)
	}
	if len(found.Kvs) == 0 {
		return nil, ErrElectionNoLeader
	}
	return (*v3.GetResponse)(&found), nil
}

// leaderRequest asks for the leader. On the wire, the request for a leader is that for the one key in its first
// field, and the answer is that to a get with the leader's pair.
func (e *Election) leaderRequest() *pb.RangeRequest { return &pb.RangeRequest{Key: []byte(e.name)} }

// Observe delivers the leader's pair, and again whenever the leader or its value changes, until the context ends.
func (e *Election) Observe(ctx context.Context) <-chan *v3.GetResponse {
	leaders := make(chan *v3.GetResponse)
	go func() {
		defer close(leaders)
		opened, err := e.session.core.Call(ctx, method.ElectionObserve, e.leaderRequest(), nil)
		if err != nil {
			return
		}
		stream := boundary.NewStream(opened)
		defer stream.Close()
		for {
			var leader pb.RangeResponse
			if err := stream.Next(ctx, &leader); err != nil {
				return
			}
			select {
			case leaders <- (*v3.GetResponse)(&leader):
			case <-ctx.Done():
				return
			}
		}
	}()
	return leaders
}

// Key is the leader's key while the session leads.
func (e *Election) Key() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.key
}

// Rev is the create revision of the leader's key, which grows from leader to leader.
func (e *Election) Rev() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rev
}

// Header is the header of the last successful response.
func (e *Election) Header() *pb.ResponseHeader {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.header
}

func electionError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case boundary.KindOf(err) == ffi.SessionExpired, status.Convert(err).Message() == ErrElectionNotLeader.Error():
		return ErrElectionNotLeader
	default:
		return v3.ContextError(ctx, err)
	}
}
