package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestADirectoryKeepsTheStateBetweenServers(t *testing.T) {
	ctx := within(t)
	config := server.Config{DataDir: t.TempDir()}
	for _, step := range []func(*clientv3.Client) error{
		func(client *clientv3.Client) error { _, err := client.Put(ctx, "key", "value"); return err },
		func(client *clientv3.Client) error {
			got, err := client.Get(ctx, "key")
			if err == nil && got.Count != 1 {
				t.Error("the key is gone")
			}
			return err
		},
	} {
		s, err := server.Start(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		client, err := clientv3.NewFromURL(s.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
		if err := step(client); err != nil {
			t.Error(err)
		}
		client.Close()
		// The port is free again, and takes the next server.
		config.Listen = strings.TrimPrefix(s.Endpoint(), "http://")
		for range 2 {
			if err := s.Stop(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestServersOfOneProcessAreApart(t *testing.T) {
	ctx := within(t)
	for range 3 {
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
		if got, err := client.Get(ctx, "key"); err != nil || got.Count != 0 {
			t.Errorf("got %v %v", got, err)
		}
		if _, err := client.Put(ctx, "key", "value"); err != nil {
			t.Error(err)
		}
	}
}

func TestFlagsSetWhatTheConfigHasNoFieldFor(t *testing.T) {
	ctx := within(t)
	s, err := server.Start(ctx, server.Config{InProcess: true, Args: []string{"--max-txn-ops=1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(context.Background())
	client, err := s.NewClient(clientv3.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Txn(ctx).Then(clientv3.OpPut("a", "1"), clientv3.OpPut("b", "1")).Commit()
	if err != rpctypes.ErrTooManyOps {
		t.Errorf("got %v", err)
	}
	_, err = server.Start(ctx, server.Config{Args: []string{"--cert-file=x"}})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "--quota-backend-bytes") {
		t.Errorf("a flag that means nothing here: got %v", err)
	}
}

func TestAClientThatRefusesOldClustersTakesANewOne(t *testing.T) {
	ctx := within(t)
	s, err := server.Start(ctx, server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(context.Background())
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{s.Endpoint()}, RejectOldCluster: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Put(ctx, "key", "value"); err != nil {
		t.Error(err)
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	if _, err := server.Start(within(t), server.Config{Listen: "nowhere:x"}); err == nil {
		t.Error("it started")
	}
}
