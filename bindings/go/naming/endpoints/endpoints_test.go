package endpoints_test

import (
	"context"
	"testing"
	"time"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/naming/endpoints"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

func TestInstancesComeAndGo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := server.Start(ctx, server.Config{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(context.Background())
	client, err := s.NewClient(clientv3.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	manager, err := endpoints.NewManager(client, "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.AddEndpoint(ctx, "elsewhere/1", endpoints.Endpoint{Addr: "1:1"}); err == nil {
		t.Error("a key of another service was taken")
	}
	add := func(key, address string) {
		t.Helper()
		if err := manager.AddEndpoint(ctx, key, endpoints.Endpoint{Addr: address, Metadata: map[string]any{"zone": "a"}}); err != nil {
			t.Fatal(err)
		}
	}
	add("web/1", "10.0.0.1:80")
	updates, err := manager.NewWatchChannel(ctx)
	if err != nil {
		t.Fatal(err)
	}
	add("web/2", "10.0.0.2:80")
	if err := manager.DeleteEndpoint(ctx, "web/1"); err != nil {
		t.Fatal(err)
	}
	wanted := []endpoints.Update{
		{Op: endpoints.Add, Key: "web/1", Endpoint: endpoints.Endpoint{Addr: "10.0.0.1:80"}},
		{Op: endpoints.Add, Key: "web/2", Endpoint: endpoints.Endpoint{Addr: "10.0.0.2:80"}},
		{Op: endpoints.Delete, Key: "web/1"},
	}
	// Several changes may come at once.
	var seen []*endpoints.Update
	for len(seen) < len(wanted) {
		batch, open := <-updates
		if !open {
			t.Fatalf("the updates ended after %d", len(seen))
		}
		seen = append(seen, batch...)
	}
	for i, want := range wanted {
		if got := seen[i]; got.Op != want.Op || got.Key != want.Key || got.Endpoint.Addr != want.Endpoint.Addr {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	there, err := manager.List(ctx)
	if err != nil || len(there) != 1 || there["web/2"].Addr != "10.0.0.2:80" {
		t.Errorf("there are %v, %v", there, err)
	}
}
