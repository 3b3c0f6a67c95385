// Package resolver lets programs of gRPC dial a service that package endpoints registers:
//
//	builder, err := resolver.NewBuilder(client)
//	…
//	conn, err := grpc.NewClient("etcd:///services/search", grpc.WithResolvers(builder), …)
package resolver

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	gresolver "google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/naming/endpoints"
)

// scheme is what targets begin with.
const scheme = "etcd"

type builder struct {
	client *clientv3.Client
}

// NewBuilder is the resolver of `etcd:///SERVICE`, which asks the cluster of the client.
func NewBuilder(client *clientv3.Client) (gresolver.Builder, error) {
	return builder{client}, nil
}

func (b builder) Scheme() string { return scheme }

func (b builder) Build(target gresolver.Target, cc gresolver.ClientConn, _ gresolver.BuildOptions) (gresolver.Resolver, error) {
	manager, err := endpoints.NewManager(b.client, service(target))
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "resolver: %v; dial etcd:///SERVICE", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	updates, err := manager.NewWatchChannel(ctx)
	if err != nil {
		cancel()
		return nil, status.Errorf(codes.Internal, "resolver: cannot read the endpoints: %v", err)
	}
	r := &resolver{cancel: cancel}
	r.reporting.Go(func() { report(updates, cc) })
	return r, nil
}

// service is the name in `etcd:///SERVICE` and in `etcd:SERVICE`.
func service(target gresolver.Target) string {
	if target.URL.Path != "" {
		return strings.TrimPrefix(target.URL.Path, "/")
	}
	return target.URL.Opaque
}

// report tells the connection all instances there are whenever they change. Ordered by key, so that an instance that
// comes or goes moves no other.
func report(updates endpoints.WatchChannel, cc gresolver.ClientConn) {
	there := map[string]string{}
	for changes := range updates {
		for _, change := range changes {
			if change.Op == endpoints.Add {
				there[change.Key] = change.Endpoint.Addr
			} else {
				delete(there, change.Key)
			}
		}
		var state gresolver.State
		for _, key := range slices.Sorted(maps.Keys(there)) {
			address := gresolver.Address{Addr: there[key]}
			state.Endpoints = append(state.Endpoints, gresolver.Endpoint{Addresses: []gresolver.Address{address}})
		}
		// It fails for a state that the balancer cannot use, such as none; the next one comes with the next change.
		_ = cc.UpdateState(state)
	}
}

type resolver struct {
	cancel    context.CancelFunc
	reporting sync.WaitGroup
}

// ResolveNow has nothing to do: changes are told when they happen.
func (r *resolver) ResolveNow(gresolver.ResolveNowOptions) {}

func (r *resolver) Close() {
	r.cancel()
	r.reporting.Wait()
}
