package main

import (
	"context"
	"errors"
	"fmt"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
)

// held is a lock with the session it is held in.
type held struct {
	mutex   *concurrency.Mutex
	session *concurrency.Session
}

// leader is a won election with the session that won it.
type leader struct {
	election *concurrency.Election
	session  *concurrency.Session
	// ours is set where the session made its own lease.
	ours bool
}

// coordinate performs what needs a session.
func (d *driver) coordinate(ctx context.Context, client *connection, request *line) (answer, error) {
	switch request.verb {
	case "lock":
		return d.lock(ctx, client, request)
	case "unlock":
		return d.unlock(ctx, request)
	case "campaign":
		return d.campaign(ctx, client, request)
	case "leader":
		return lead(ctx, client, request)
	}
	won := d.leader(request)
	if won == nil {
		return nil, fmt.Errorf("no such leadership in %s", request.verb)
	}
	if request.verb == "proclaim" {
		return answer{"untold=rev"}, won.election.Proclaim(ctx, request.data("value"))
	}
	if err := won.election.Resign(ctx); err != nil {
		return nil, err
	}
	if won.ours {
		return answer{"untold=rev"}, won.session.Close()
	}
	return answer{"untold=rev"}, nil
}

func session(client *connection, request *line) (*concurrency.Session, error) {
	var options []concurrency.SessionOption
	if request.has("ttl") {
		options = append(options, concurrency.WithTTL(int(request.number("ttl"))))
	}
	if request.has("lease") {
		options = append(options, concurrency.WithLease(clientv3.LeaseID(request.number("lease"))))
	}
	return concurrency.NewSession(client.Client, options...)
}

func (d *driver) lock(ctx context.Context, client *connection, request *line) (answer, error) {
	session, err := session(client, request)
	if err != nil {
		return nil, err
	}
	mutex := concurrency.NewMutex(session, request.data("name"), layout(request)...)
	if err := acquire(ctx, mutex, request); err != nil {
		session.Close()
		if errors.Is(err, concurrency.ErrLocked) || (errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil) {
			return answer{"acquired=0"}, nil
		}
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locks[request.id] = &held{mutex, session}
	told := answer{"acquired=1"}.with("rev", mutex.Header().Revision)
	return told.bytes("key", []byte(mutex.Key())), nil
}

func layout(request *line) []concurrency.MutexOption {
	if !request.has("layout") {
		return nil
	}
	return []concurrency.MutexOption{concurrency.WithPlainKey(request.data("name"), "go")}
}

func acquire(ctx context.Context, mutex *concurrency.Mutex, request *line) error {
	if !request.has("timeout") {
		return mutex.Lock(ctx)
	}
	if request.number("timeout") == 0 {
		return mutex.TryLock(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, request.millis("timeout"))
	defer cancel()
	return mutex.Lock(ctx)
}

func (d *driver) unlock(ctx context.Context, request *line) (answer, error) {
	d.mu.Lock()
	held := d.locks[request.reference("lock")]
	delete(d.locks, request.reference("lock"))
	d.mu.Unlock()
	if held == nil {
		return nil, errors.New("no such lock")
	}
	if err := held.mutex.Unlock(ctx); err != nil {
		return nil, err
	}
	return answer{}, held.session.Close()
}

func (d *driver) campaign(ctx context.Context, client *connection, request *line) (answer, error) {
	session, err := session(client, request)
	if err != nil {
		return nil, err
	}
	election := concurrency.NewElection(session, request.data("name"))
	if err := election.Campaign(ctx, request.data("value")); err != nil {
		session.Orphan()
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaders[request.id] = &leader{election, session, !request.has("lease")}
	told := answer{}.bytes("key", []byte(election.Key())).with("create", election.Rev()).with("lease", session.Lease())
	return told.with("rev", election.Header().Revision), nil
}

func (d *driver) leader(request *line) *leader {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leaders[request.reference("leader")]
}

// watching is an election for those who only look: its session does not stand.
func watching(client *connection, request *line) (*concurrency.Election, *concurrency.Session, error) {
	session, err := concurrency.NewSession(client.Client)
	if err != nil {
		return nil, nil, err
	}
	return concurrency.NewElection(session, request.data("name")), session, nil
}

func lead(ctx context.Context, client *connection, request *line) (answer, error) {
	election, session, err := watching(client, request)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	response, err := election.Leader(ctx)
	if err != nil {
		return nil, err
	}
	return answer{}.with("rev", response.Header.Revision).pairs("kv", response.Kvs...), nil
}

// observe answers at once and then tells each leader.
func (d *driver) observe(ctx context.Context, client *connection, request *line) (answer, error) {
	election, session, err := watching(client, request)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	leaders := election.Observe(ctx)
	d.tell(request.id, "ok", nil)
	for response := range leaders {
		d.tell(request.id, "event", answer{"type=LEADER"}.pairs("kv", response.Kvs...))
	}
	return nil, nil
}
