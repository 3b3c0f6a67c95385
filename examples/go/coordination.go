package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
	"github.com/etcdkit/etcdkit/bindings/go/naming/endpoints"
)

// lockName is where the locks of all languages of the tour are.
const lockName = "/locks/tour"

// hold takes the lock in a session of its own.
func hold(ctx context.Context, t *tour) (*concurrency.Mutex, *concurrency.Session, error) {
	session, err := concurrency.NewSession(t.Client)
	if err != nil {
		return nil, nil, err
	}
	mutex := concurrency.NewMutex(session, lockName)
	return mutex, session, mutex.Lock(ctx)
}

func lock(ctx context.Context, t *tour) (string, error) {
	held, session, err := hold(ctx, t)
	if err != nil {
		return "", err
	}
	defer session.Close()
	other, err := connect(t.endpoint)
	if err != nil {
		return "", err
	}
	defer other.Close()
	otherSession, err := concurrency.NewSession(other.Client)
	if err != nil {
		return "", err
	}
	defer otherSession.Close()
	waiting := concurrency.NewMutex(otherSession, lockName)
	refused := errors.Is(waiting.TryLock(ctx), concurrency.ErrLocked)
	got := make(chan error)
	go func() { got <- waiting.Lock(ctx) }()
	if err := t.waitForCount(ctx, lockName+"/", 2); err != nil {
		return "", err
	}
	if err := held.Unlock(ctx); err != nil {
		return "", err
	}
	second := <-got
	if second == nil {
		err = waiting.Unlock(ctx)
	}
	return fmt.Sprintf("refused while held: %s, second gets it on release: %s", yes(refused), yes(second == nil)), err
}

func lockWithEtcdctl(ctx context.Context, t *tour) (string, error) {
	held, session, err := hold(ctx, t)
	if err != nil {
		return "", err
	}
	defer session.Close()
	program := os.Getenv("ETCDKIT")
	if program == "" {
		program = "etcdkit"
	}
	var output bytes.Buffer
	etcdctl := exec.CommandContext(ctx, program, "--endpoints", t.endpoint, "lock", lockName, "echo", "mine")
	etcdctl.Stdout, etcdctl.Stderr = &output, os.Stderr
	if err := etcdctl.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- etcdctl.Wait() }()
	if err := t.waitForCount(ctx, lockName+"/", 2); err != nil {
		return "", err
	}
	waited := len(ended) == 0
	if err := held.Unlock(ctx); err != nil {
		return "", err
	}
	err = <-ended
	return fmt.Sprintf("etcdctl waited: %s, then said: %s", yes(waited), strings.TrimSpace(output.String())), err
}

func leaderByLease(ctx context.Context, t *tour) (string, error) {
	claim := func(name string, lease clientv3.LeaseID) (string, error) {
		_, err := t.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision("/leader"), "=", 0)).
			Then(clientv3.OpPut("/leader", name, clientv3.WithLease(lease))).
			Commit()
		if err != nil {
			return "", err
		}
		return t.value(ctx, "/leader")
	}
	a, err := t.Grant(ctx, 120)
	if err != nil {
		return "", err
	}
	b, err := t.Grant(ctx, 120)
	if err != nil {
		return "", err
	}
	first, err := claim("A", a.ID)
	if err != nil {
		return "", err
	}
	second, err := claim("B", b.ID)
	if err != nil {
		return "", err
	}
	if _, err := t.Revoke(ctx, a.ID); err != nil {
		return "", err
	}
	third, err := claim("B", b.ID)
	if err != nil {
		return "", err
	}
	_, err = t.Revoke(ctx, b.ID)
	return fmt.Sprintf("A asks: %s, B asks: %s, B asks after A's lease ended: %s", first, second, third), err
}

func leaderByElection(ctx context.Context, t *tour) (string, error) {
	const name = "tour-election"
	one, err := concurrency.NewSession(t.Client)
	if err != nil {
		return "", err
	}
	defer one.Close()
	two, err := concurrency.NewSession(t.Client)
	if err != nil {
		return "", err
	}
	defer two.Close()
	a, b := concurrency.NewElection(one, name), concurrency.NewElection(two, name)
	if err := a.Campaign(ctx, "A"); err != nil {
		return "", err
	}
	won := make(chan error)
	go func() { won <- b.Campaign(ctx, "B") }()
	if err := t.waitForCount(ctx, name+"/", 2); err != nil {
		return "", err
	}
	first, err := a.Leader(ctx)
	if err != nil {
		return "", err
	}
	if err := a.Resign(ctx); err != nil {
		return "", err
	}
	if err := <-won; err != nil {
		return "", err
	}
	second, err := a.Leader(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s leads, then %s", first.Kvs[0].Value, second.Kvs[0].Value), b.Resign(ctx)
}

func serviceDiscovery(ctx context.Context, t *tour) (string, error) {
	const service = "/service/web"
	manager, err := endpoints.NewManager(t.Client, service)
	if err != nil {
		return "", err
	}
	register := func(address string) (*concurrency.Session, error) {
		// The session keeps the registration alive, and takes it away when it is closed.
		session, err := concurrency.NewSession(t.Client)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%s/%x", service, session.Lease())
		return session, manager.AddEndpoint(ctx, key, endpoints.Endpoint{Addr: address}, clientv3.WithLease(session.Lease()))
	}
	found := func() (string, error) {
		instances, err := manager.List(ctx)
		var addresses []string
		for _, instance := range instances {
			addresses = append(addresses, instance.Addr)
		}
		sort.Strings(addresses)
		return strings.Join(addresses, " "), err
	}
	first, err := register("10.0.0.1:80")
	if err != nil {
		return "", err
	}
	second, err := register("10.0.0.2:80")
	if err != nil {
		return "", err
	}
	both, err := found()
	if err != nil {
		return "", err
	}
	if err := first.Close(); err != nil {
		return "", err
	}
	one, err := found()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; after one left: %s", both, one), second.Close()
}
