package clientv3_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/namespace"
)

func TestErrorsAreTheValuesThatProgramsCompareWith(t *testing.T) {
	client, ctx := connect(t), within(t)
	last := must(client.Put(ctx, "key", "1")).Header.Revision
	last = must(client.Put(ctx, "key", "2")).Header.Revision
	must(client.Compact(ctx, last))
	_, emptyKey := client.Put(ctx, "", "x")
	_, compacted := client.Get(ctx, "key", clientv3.WithRev(last-1))
	_, future := client.Get(ctx, "key", clientv3.WithRev(last+100))
	_, lease := client.Revoke(ctx, 4711)
	_, twice := client.Txn(ctx).Then(clientv3.OpPut("a", "1"), clientv3.OpPut("a", "2")).Commit()
	_, order := client.Get(ctx, "key", clientv3.WithSort(clientv3.SortByKey, 9))
	for _, one := range []struct{ got, want error }{
		{emptyKey, rpctypes.ErrEmptyKey},
		{compacted, rpctypes.ErrCompacted},
		{future, rpctypes.ErrFutureRev},
		{lease, rpctypes.ErrLeaseNotFound},
		{twice, rpctypes.ErrDuplicateKey},
		{order, rpctypes.ErrInvalidSortOption},
	} {
		if one.got != one.want {
			t.Errorf("got %v (%T), want %v", one.got, one.got, one.want)
		}
	}
}

func TestAContextEndsACallWithItsOwnError(t *testing.T) {
	// Somebody listens and never answers.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := connectTo(t, silent.Addr().String())
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := client.Put(short, "key", "value"); err != context.DeadlineExceeded {
		t.Errorf("a silent server: got %v, want %v", err, context.DeadlineExceeded)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Get(cancelled, "key"); err != context.Canceled {
		t.Errorf("a cancelled context: got %v, want %v", err, context.Canceled)
	}
}

func TestNewNeedsNoServerAndNoMoreThanEndpoints(t *testing.T) {
	if _, err := clientv3.New(clientv3.Config{}); err != clientv3.ErrNoAvailableEndpoints {
		t.Errorf("no endpoints: got %v", err)
	}
	both := clientv3.Config{Endpoints: []string{"127.0.0.1:1"}, Username: "u", Password: "p", Token: "t"}
	if _, err := clientv3.New(both); err != clientv3.ErrMutuallyExclusiveCfg {
		t.Errorf("user and token: got %v", err)
	}
	client := connectTo(t, "127.0.0.1:1")
	// Longer than the core looks for an endpoint of several.
	short, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if _, err := client.Get(short, "key"); err != context.DeadlineExceeded {
		t.Errorf("nobody answered: got %v", err)
	}
}

func TestAClosedClientSaysSo(t *testing.T) {
	client := connect(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := client.Get(context.Background(), "key")
	if !clientv3.IsConnCanceled(err) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
	if err := client.Close(); err != context.Canceled {
		t.Errorf("closing again: got %v", err)
	}
	if _, open := <-client.Watch(context.Background(), "key"); open {
		t.Error("a watch of a closed client delivers something")
	}
}

func TestARequestBeyondTheLimitIsNotSent(t *testing.T) {
	client, ctx := connect(t), within(t)
	_, err := client.Put(ctx, "key", strings.Repeat("x", 3<<20))
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "trying to send message larger than max") {
		t.Errorf("got %v", err)
	}
	must(client.Put(ctx, "key", "value"))
}

func TestWithoutALeaderACallThatAsksForOneIsStillAnswered(t *testing.T) {
	client, ctx := connect(t), within(t)
	must(client.Put(clientv3.WithRequireLeader(ctx), "key", "value"))
	if got := must(client.Get(ctx, "key")); got.Count != 1 {
		t.Errorf("got %v", got)
	}
}

func TestATransactionIsMadeInOrder(t *testing.T) {
	client, ctx := connect(t), within(t)
	for name, wrong := range map[string]func(){
		"cannot call If twice!":        func() { client.Txn(ctx).If().If() },
		"cannot call If after Then!":   func() { client.Txn(ctx).Then().If() },
		"cannot call Then after Else!": func() { client.Txn(ctx).Else().Then() },
	} {
		func() {
			defer func() {
				if caught := recover(); caught != name {
					t.Errorf("got %v, want %v", caught, name)
				}
			}()
			wrong()
		}()
	}
}

func TestANamespaceSeesNothingElse(t *testing.T) {
	client, ctx := connect(t), within(t)
	must(client.Put(ctx, "outside", "1"))
	inside := namespace.NewKV(client.KV, "ns/")
	watched := namespace.NewWatcher(client.Watcher, "ns/").Watch(ctx, "", clientv3.WithPrefix())
	must(inside.Put(ctx, "key", "1"))
	must(inside.Txn(ctx).If(clientv3.Compare(clientv3.Value("key"), "=", "1")).Then(clientv3.OpPut("key", "2")).Commit())
	got := must(inside.Get(ctx, "", clientv3.WithFromKey()))
	if got.Count != 1 || string(got.Kvs[0].Key) != "key" || string(got.Kvs[0].Value) != "2" {
		t.Errorf("inside: %v", got.Kvs)
	}
	if got := must(client.Get(ctx, "ns/key")); got.Count != 1 {
		t.Errorf("outside: %v", got.Kvs)
	}
	for _, want := range []string{"1", "2"} {
		response := <-watched
		if len(response.Events) != 1 || fmt.Sprintf("%s=%s", response.Events[0].Kv.Key, response.Events[0].Kv.Value) != "key="+want {
			t.Errorf("watched %v, want key=%s", response.Events, want)
		}
	}
}

func TestASnapshotIsRead(t *testing.T) {
	client, ctx := connect(t), within(t)
	response, err := client.SnapshotWithVersion(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Snapshot.Close()
	head := make([]byte, 16)
	if n, err := response.Snapshot.Read(head); n == 0 {
		t.Errorf("nothing to read: %v", err)
	}
}
