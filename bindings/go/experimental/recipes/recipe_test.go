package recipe_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
	recipe "github.com/etcdkit/etcdkit/bindings/go/experimental/recipes"
	"github.com/etcdkit/etcdkit/bindings/go/namespace"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

// patience ends a test that hangs.
const patience = 30 * time.Second

func connect(t *testing.T) *clientv3.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	s, err := server.Start(ctx, server.Config{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := s.NewClient(clientv3.Config{Context: ctx})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		s.Stop(context.Background())
	})
	return client
}

func open(t *testing.T, client *clientv3.Client) *concurrency.Session {
	t.Helper()
	session, err := concurrency.NewSession(client)
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

// inLine waits until so many keys are below a prefix.
func inLine(t *testing.T, client *clientv3.Client, prefix string, count int64) {
	t.Helper()
	for {
		found, err := client.Get(client.Ctx(), prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
		ok(t, err)
		if found.Count == count {
			return
		}
	}
}

func TestAQueueGivesEachValueToOneReaderInOrder(t *testing.T) {
	client := connect(t)
	client.KV = namespace.NewKV(client.KV, "below/")
	queue := recipe.NewQueue(client, "q")
	for _, value := range []string{"1", "2", "3"} {
		ok(t, queue.Enqueue(value))
	}
	inLine(t, client, "q/", 3)
	for _, want := range []string{"1", "2", "3"} {
		if got, err := queue.Dequeue(); err != nil || got != want {
			t.Errorf("got %q %v, want %q", got, err, want)
		}
	}
	waiting := make(chan string)
	go func() {
		got, _ := queue.Dequeue()
		waiting <- got
	}()
	ok(t, queue.Enqueue("late"))
	if got := <-waiting; got != "late" {
		t.Errorf("who waited got %q", got)
	}
}

func TestAPriorityQueueGivesTheSmallestFirst(t *testing.T) {
	queue := recipe.NewPriorityQueue(connect(t), "p")
	for priority, values := range map[uint16][]string{7: {"c", "d"}, 1: {"a", "b"}, 65535: {"e"}} {
		for _, value := range values {
			ok(t, queue.Enqueue(value, priority))
		}
	}
	var seen []string
	for range 5 {
		value, err := queue.Dequeue()
		ok(t, err)
		seen = append(seen, value)
	}
	if !slices.Equal(seen, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("saw %v", seen)
	}
}

func TestABarrierHoldsUntilItIsReleased(t *testing.T) {
	barrier := recipe.NewBarrier(connect(t), "b")
	ok(t, barrier.Wait())
	ok(t, barrier.Hold())
	if err := barrier.Hold(); err != recipe.ErrKeyExists {
		t.Errorf("holding twice: got %v", err)
	}
	waited := make(chan error)
	go func() { waited <- barrier.Wait() }()
	ok(t, barrier.Release())
	ok(t, <-waited)
}

func TestADoubleBarrierIsEnteredAndLeftTogether(t *testing.T) {
	client := connect(t)
	const count = 3
	var all sync.WaitGroup
	inside := make(chan int, count)
	for range count {
		all.Go(func() {
			session, err := concurrency.NewSession(client)
			if err != nil {
				t.Error(err)
				return
			}
			defer session.Close()
			barrier := recipe.NewDoubleBarrier(session, "d", count)
			if err := barrier.Enter(); err != nil {
				t.Error(err)
				return
			}
			inside <- 1
			if err := barrier.Leave(); err != nil {
				t.Error(err)
			}
			// Nobody leaves before all have come.
			if len(inside) != count {
				t.Errorf("left after %d of %d came", len(inside), count)
			}
		})
	}
	all.Wait()
}

func TestReadersShareALockAndWritersDoNot(t *testing.T) {
	client := connect(t)
	one, two, three := open(t, client), open(t, client), open(t, client)
	first, second, writer := recipe.NewRWMutex(one, "rw"), recipe.NewRWMutex(two, "rw"), recipe.NewRWMutex(three, "rw")
	ok(t, first.RLock())
	ok(t, second.RLock())
	written := make(chan error)
	go func() { written <- writer.Lock() }()
	inLine(t, client, "rw/", 3)
	ok(t, first.RUnlock())
	select {
	case <-written:
		t.Error("a writer got the lock beside a reader")
	default:
	}
	ok(t, second.RUnlock())
	ok(t, <-written)
	ok(t, writer.Unlock())
	inLine(t, client, "rw/", 0)
	if err := writer.Unlock(); err == nil {
		t.Error("unlocked twice")
	}
}

func TestEventsAreWaitedForInTheirOrder(t *testing.T) {
	client := connect(t)
	put, err := client.Put(client.Ctx(), "k/a", "1")
	ok(t, err)
	_, err = client.Delete(client.Ctx(), "k/a")
	ok(t, err)
	kinds := []mvccpb.Event_EventType{mvccpb.Event_PUT, mvccpb.Event_DELETE}
	event, err := recipe.WaitEvents(client, "k/a", put.Header.Revision, kinds)
	ok(t, err)
	if event.Kv.ModRevision != put.Header.Revision+1 {
		t.Errorf("got %v", event)
	}
	_, err = recipe.WaitPrefixEvents(client, "k/", put.Header.Revision, kinds)
	ok(t, err)
}
