package kubernetes_test

import (
	"context"
	"slices"
	"testing"
	"time"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/kubernetes"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

func connect(t *testing.T) (context.Context, kubernetes.Interface) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	s, err := server.Start(ctx, server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.New(clientv3.Config{Endpoints: []string{s.Endpoint()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		s.Stop(context.Background())
	})
	return ctx, client.Kubernetes
}

func TestAWriteHappensUnlessTheKeyHasChanged(t *testing.T) {
	ctx, k := connect(t)
	made, err := k.OptimisticPut(ctx, "a", []byte("1"), 0, kubernetes.PutOptions{})
	if err != nil || !made.Succeeded {
		t.Fatalf("%+v %v", made, err)
	}
	late, err := k.OptimisticPut(ctx, "a", []byte("2"), 0, kubernetes.PutOptions{GetOnFailure: true})
	if err != nil || late.Succeeded || string(late.KV.Value) != "1" {
		t.Errorf("a key that exists: %+v %v", late, err)
	}
	blind, err := k.OptimisticDelete(ctx, "a", made.Revision+1, kubernetes.DeleteOptions{})
	if err != nil || blind.Succeeded || blind.KV != nil {
		t.Errorf("another revision: %+v %v", blind, err)
	}
	gone, err := k.OptimisticDelete(ctx, "a", made.Revision, kubernetes.DeleteOptions{GetOnFailure: true})
	if err != nil || !gone.Succeeded || gone.KV != nil {
		t.Errorf("%+v %v", gone, err)
	}
	absent, err := k.OptimisticDelete(ctx, "a", made.Revision, kubernetes.DeleteOptions{GetOnFailure: true})
	if err != nil || absent.Succeeded || absent.KV != nil {
		t.Errorf("a key that is gone: %+v %v", absent, err)
	}
	was, err := k.Get(ctx, "a", kubernetes.GetOptions{Revision: made.Revision})
	if err != nil || string(was.KV.Value) != "1" {
		t.Errorf("%+v %v", was, err)
	}
}

func TestAListGoesOnPageByPage(t *testing.T) {
	ctx, k := connect(t)
	for _, key := range []string{"p/1", "p/2", "p/3", "q"} {
		if _, err := k.OptimisticPut(ctx, key, nil, 0, kubernetes.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if count, err := k.Count(ctx, "p/", kubernetes.CountOptions{}); err != nil || count != 3 {
		t.Errorf("%d %v", count, err)
	}
	var seen []string
	options := kubernetes.ListOptions{Limit: 2}
	for {
		page, err := k.List(ctx, "p/", options)
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range page.Kvs {
			seen = append(seen, string(pair.Key))
		}
		if int64(len(page.Kvs)) == page.Count {
			break
		}
		options.Continue, options.Revision = seen[len(seen)-1]+"\x00", page.Revision
	}
	if !slices.Equal(seen, []string{"p/1", "p/2", "p/3"}) {
		t.Errorf("saw %v", seen)
	}
}
