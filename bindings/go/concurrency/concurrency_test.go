package concurrency_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

const patience = 30 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func connect(t *testing.T) *clientv3.Client {
	t.Helper()
	s, err := server.Start(within(t), server.Config{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := s.NewClient(clientv3.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client
}

func open(t *testing.T, client *clientv3.Client, options ...concurrency.SessionOption) *concurrency.Session {
	t.Helper()
	session, err := concurrency.NewSession(client, options...)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestALockIsHeldByOne(t *testing.T) {
	client, ctx := connect(t), within(t)
	one, two := open(t, client), open(t, client)
	first, second := concurrency.NewMutex(one, "lock"), concurrency.NewMutex(two, "lock")
	ok(t, first.Lock(ctx))
	ok(t, first.Lock(ctx))
	if err := second.TryLock(ctx); err != concurrency.ErrLocked {
		t.Errorf("a lock that is held: got %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := second.Lock(short); err != context.DeadlineExceeded {
		t.Errorf("waiting: got %v", err)
	}
	if want := fmt.Sprintf("lock/%x", one.Lease()); first.Key() != want {
		t.Errorf("key %s, want %s", first.Key(), want)
	}
	owner, err := client.Txn(ctx).If(first.IsOwner()).Commit()
	ok(t, err)
	if !owner.Succeeded {
		t.Error("the owner is not the owner")
	}
	fence := first.Fence()
	ok(t, first.Unlock(ctx))
	ok(t, second.Lock(ctx))
	if second.Fence() <= fence {
		t.Errorf("the fence fell from %d to %d", fence, second.Fence())
	}
	if err := first.Unlock(ctx); err != concurrency.ErrLockReleased {
		t.Errorf("unlocking twice: got %v", err)
	}
	ok(t, two.Close())
	ok(t, one.Close())
	if err := one.Close(); err != rpctypes.ErrLeaseNotFound {
		t.Errorf("closing a session twice: got %v", err)
	}
}

func TestALockWithAPlainKeyExcludesClientsThatKnowOnlyThat(t *testing.T) {
	client, ctx := connect(t), within(t)
	session := open(t, client)
	mutex := concurrency.NewMutex(session, "lock", concurrency.WithPlainKey("/locks/lock", "me"))
	_, err := client.Put(ctx, "/locks/lock", "an old client")
	ok(t, err)
	if err := mutex.TryLock(ctx); err != concurrency.ErrLocked {
		t.Errorf("the plain key is held: got %v", err)
	}
	_, err = client.Delete(ctx, "/locks/lock")
	ok(t, err)
	ok(t, mutex.Lock(ctx))
	held, err := client.Get(ctx, "/locks/lock")
	ok(t, err)
	if held.Count != 1 || string(held.Kvs[0].Value) != "me" || held.Kvs[0].Lease != int64(session.Lease()) {
		t.Errorf("the plain key of a held lock: got %v", held.Kvs)
	}
	ok(t, mutex.Unlock(ctx))
	left, err := client.Get(ctx, "", clientv3.WithPrefix())
	ok(t, err)
	if left.Count != 0 {
		t.Errorf("after Unlock: got %v", left.Kvs)
	}
}

func TestAPlainKeyInTheLineIsRefused(t *testing.T) {
	client, ctx := connect(t), within(t)
	mutex := concurrency.NewMutex(open(t, client), "lock", concurrency.WithPlainKey("lock/me", ""))
	if err := mutex.Lock(ctx); status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestALockExcludes(t *testing.T) {
	client, ctx := connect(t), within(t)
	const contenders, rounds = 8, 20
	var inside, total int
	var all sync.WaitGroup
	for range contenders {
		all.Go(func() {
			session, err := concurrency.NewSession(client)
			if err != nil {
				t.Error(err)
				return
			}
			defer session.Close()
			mutex := concurrency.NewMutex(session, "lock")
			for range rounds {
				if err := mutex.Lock(ctx); err != nil {
					t.Error(err)
					return
				}
				inside++
				if inside != 1 {
					t.Errorf("%d inside", inside)
				}
				total++
				inside--
				if err := mutex.Unlock(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if total != contenders*rounds {
		t.Errorf("%d rounds", total)
	}
}

func TestAnOrphanedSessionEndsWithItsLease(t *testing.T) {
	client, ctx := connect(t), within(t)
	session := open(t, client, concurrency.WithTTL(2))
	mutex := concurrency.NewMutex(session, "lock")
	ok(t, mutex.Lock(ctx))
	session.Orphan()
	<-session.Done()
	if session.Ctx().Err() == nil {
		t.Error("the context of the session goes on")
	}
	other := concurrency.NewMutex(open(t, client), "lock")
	ok(t, other.Lock(ctx))
}

func TestASessionWhoseLeaseIsRevokedIsDone(t *testing.T) {
	client, ctx := connect(t), within(t)
	session := open(t, client, concurrency.WithTTL(2))
	_, err := client.Revoke(ctx, session.Lease())
	ok(t, err)
	select {
	case <-session.Done():
	case <-ctx.Done():
		t.Error("the session does not know")
	}
}

func TestOneOfManyLeads(t *testing.T) {
	client, ctx := connect(t), within(t)
	one, two := open(t, client), open(t, client)
	first, second := concurrency.NewElection(one, "el"), concurrency.NewElection(two, "el")
	if _, err := first.Leader(ctx); err != concurrency.ErrElectionNoLeader {
		t.Errorf("before: got %v", err)
	}
	if err := first.Proclaim(ctx, "x"); err != concurrency.ErrElectionNotLeader {
		t.Errorf("proclaiming: got %v", err)
	}
	leaders := second.Observe(ctx)
	ok(t, first.Campaign(ctx, "one"))
	expect := func(want string) {
		t.Helper()
		for leader := range leaders {
			if string(leader.Kvs[0].Value) == want {
				return
			}
		}
		t.Fatalf("%s was never seen", want)
	}
	expect("one")
	ok(t, first.Proclaim(ctx, "uno"))
	expect("uno")
	resumed := concurrency.ResumeElection(one, "el/", first.Key(), first.Rev())
	ok(t, resumed.Proclaim(ctx, "eins"))
	expect("eins")
	won := make(chan error)
	go func() { won <- second.Campaign(ctx, "two") }()
	ok(t, first.Resign(ctx))
	ok(t, <-won)
	expect("two")
	leader, err := first.Leader(ctx)
	ok(t, err)
	if string(leader.Kvs[0].Value) != "two" || second.Rev() != leader.Kvs[0].CreateRevision {
		t.Errorf("leader %v, revision %d", leader.Kvs, second.Rev())
	}
}

func TestTransfersInMemoryLoseNothing(t *testing.T) {
	client, ctx := connect(t), within(t)
	const accounts, workers, transfers, each = 4, 4, 25, 100
	for account := range accounts {
		_, err := client.Put(ctx, fmt.Sprint("account", account), strconv.Itoa(each))
		ok(t, err)
	}
	levels := []concurrency.Isolation{concurrency.SerializableSnapshot, concurrency.Serializable, concurrency.RepeatableReads}
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for i := range transfers {
				from, to := fmt.Sprint("account", (worker+i)%accounts), fmt.Sprint("account", (worker+i+1)%accounts)
				_, err := concurrency.NewSTM(client, func(s concurrency.STM) error {
					a, _ := strconv.Atoi(s.Get(from))
					b, _ := strconv.Atoi(s.Get(to))
					s.Put(from, strconv.Itoa(a-1))
					s.Put(to, strconv.Itoa(b+1))
					return nil
				}, concurrency.WithAbortContext(ctx), concurrency.WithIsolation(levels[i%len(levels)]))
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	got, err := client.Get(ctx, "account", clientv3.WithPrefix())
	ok(t, err)
	sum := 0
	for _, kv := range got.Kvs {
		value, _ := strconv.Atoi(string(kv.Value))
		sum += value
	}
	if sum != accounts*each {
		t.Errorf("the accounts hold %d, not %d", sum, accounts*each)
	}
}

func TestAnErrorGivesATransactionUp(t *testing.T) {
	client := connect(t)
	refused := errors.New("no")
	_, err := concurrency.NewSTM(client, func(s concurrency.STM) error {
		s.Put("key", "value")
		return refused
	})
	if err != refused {
		t.Errorf("got %v", err)
	}
	_, err = concurrency.NewSTM(client, func(s concurrency.STM) error {
		s.Get("")
		return nil
	})
	if err != rpctypes.ErrEmptyKey {
		t.Errorf("got %v", err)
	}
}
