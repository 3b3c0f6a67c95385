package resolver_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/naming/endpoints"
	"github.com/etcdkit/etcdkit/bindings/go/naming/resolver"
	"github.com/etcdkit/etcdkit/bindings/go/server"
)

// instance serves gRPC's health service and knows nothing but its own name.
func instance(t *testing.T, name string) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	healthy := health.NewServer()
	healthy.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, healthy)
	go s.Serve(listener)
	return listener.Addr().String(), s.Stop
}

func TestAConnectionFollowsTheInstancesOfItsService(t *testing.T) {
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
	manager, err := endpoints.NewManager(client, "services/search")
	if err != nil {
		t.Fatal(err)
	}
	builder, err := resolver.NewBuilder(client)
	if err != nil {
		t.Fatal(err)
	}
	one, stopOne := instance(t, "one")
	defer stopOne()
	two, stopTwo := instance(t, "two")
	defer stopTwo()
	if err := manager.AddEndpoint(ctx, "services/search/1", endpoints.Endpoint{Addr: one}); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("etcd:///services/search",
		grpc.WithResolvers(builder), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Each instance knows its own name alone, so the answer tells who was asked.
	reaches := func(name string) bool {
		request := &grpc_health_v1.HealthCheckRequest{Service: name}
		_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, request, grpc.WaitForReady(true))
		if err != nil && status.Code(err) != codes.NotFound && status.Code(err) != codes.Unavailable {
			t.Fatal(err)
		}
		return err == nil
	}
	if !reaches("one") {
		t.Error("the instance that was there is not asked")
	}
	if err := manager.AddEndpoint(ctx, "services/search/2", endpoints.Endpoint{Addr: two}); err != nil {
		t.Fatal(err)
	}
	if err := manager.DeleteEndpoint(ctx, "services/search/1"); err != nil {
		t.Fatal(err)
	}
	// Bounded by the context.
	for !reaches("two") {
	}
}

func TestATargetWithoutAServiceIsRefused(t *testing.T) {
	builder, err := resolver.NewBuilder(clientv3.NewCtxClient(context.Background()))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("etcd:///", grpc.WithResolvers(builder), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		t.Error("it reached something")
	}
}
