// Package endpoints registers and finds the instances of services, in the layout that the gRPC resolvers of etcd read
// and that `naming` has in every language of etcdkit: the key `target/anything` holds the address as JSON.
//
//	manager, err := endpoints.NewManager(client, "services/search")
//	…
//	err = manager.AddEndpoint(ctx, "services/search/10.0.0.7", endpoints.Endpoint{Addr: "10.0.0.7:8080"}, clientv3.WithLease(lease))
package endpoints

import (
	"context"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// Endpoint is where an instance of a service is.
type Endpoint struct {
	// Addr is the address, as clients dial it.
	Addr string

	// Metadata is whatever the service wants its clients to know; it becomes JSON.
	Metadata any
}

// Operation is what an Update does.
type Operation uint8

const (
	// Add registers an endpoint.
	Add Operation = iota
	// Delete takes an endpoint away.
	Delete
)

// Update is a change of a service.
type Update struct {
	Op       Operation
	Key      string
	Endpoint Endpoint
}

// WatchChannel delivers changes of a service.
type WatchChannel <-chan []*Update

// Key2EndpointMap has the endpoints of a service by their keys.
type Key2EndpointMap map[string]Endpoint

// UpdateWithOpts is an Update with options, such as a lease.
type UpdateWithOpts struct {
	Update
	Opts []clientv3.OpOption
}

// NewAddUpdateOpts registers an endpoint.
func NewAddUpdateOpts(key string, endpoint Endpoint, opts ...clientv3.OpOption) *UpdateWithOpts {
	return &UpdateWithOpts{Update{Add, key, endpoint}, opts}
}

// NewDeleteUpdateOpts takes an endpoint away.
func NewDeleteUpdateOpts(key string, opts ...clientv3.OpOption) *UpdateWithOpts {
	return &UpdateWithOpts{Update{Op: Delete, Key: key}, opts}
}

// Manager registers and finds the instances of one service.
type Manager interface {
	// Update makes several changes in one transaction.
	Update(ctx context.Context, updates []*UpdateWithOpts) error
	// AddEndpoint registers one endpoint. Its key starts with the service's name and a slash.
	AddEndpoint(ctx context.Context, key string, endpoint Endpoint, opts ...clientv3.OpOption) error
	// DeleteEndpoint takes one endpoint away.
	DeleteEndpoint(ctx context.Context, key string, opts ...clientv3.OpOption) error
	// List tells all endpoints.
	List(ctx context.Context) (Key2EndpointMap, error)
	// NewWatchChannel delivers all endpoints, if there are any, and then every change until the context ends.
	NewWatchChannel(ctx context.Context) (WatchChannel, error)
}
