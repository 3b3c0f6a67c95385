package clientv3_test

import (
	"context"
	"testing"
	"time"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

// patience is far above what anything here takes and far below the limit of a test run.
const patience = 30 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// start runs a server in memory for one test.
func start(t testing.TB) *server.Server {
	t.Helper()
	s, err := server.Start(within(t), server.Config{})
	if err != nil {
		t.Fatal("start a server:", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error("stop the server:", err)
		}
	})
	return s
}

// connect makes a client of a server of its own.
func connect(t testing.TB) *clientv3.Client {
	t.Helper()
	return connectTo(t, start(t).Endpoint())
}

func connectTo(t testing.TB, endpoints ...string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints})
	if err != nil {
		t.Fatal("connect:", err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestAValueIsReadAsItWasWritten(t *testing.T) {
	client, ctx := connect(t), within(t)
	put := must(client.Put(ctx, "key", "value"))
	got := must(client.Get(ctx, "key"))
	if got.Count != 1 || string(got.Kvs[0].Value) != "value" || got.Kvs[0].ModRevision != put.Header.Revision {
		t.Errorf("got %v after %v", got, put)
	}
}
