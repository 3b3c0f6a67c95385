// Package access lets the packages of this module reach what stands behind a client of theirs, without making it part
// of what users see.
package access

import (
	"context"

	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// Prefixed is implemented by a KV that puts a prefix before every key.
type Prefixed interface {
	// KeyPrefix is the whole prefix, with those of the KVs it wraps.
	KeyPrefix() string
}

// Core is the core's object behind a *clientv3.Client, and the prefix its KV works under. Set by package clientv3.
var Core func(client any) (core *boundary.Object, prefix string, err error)

// Connect makes a *clientv3.Client from a clientv3.Config, of a server of this process. Set by package clientv3.
var Connect func(config any, server *boundary.Object) (client any, err error)

// Session is the core's object behind a *concurrency.Session. Set by package concurrency.
var Session func(session any) *boundary.Object

// Namespaced is the core's object that sees the keys as the client does, and what gives it back.
func Namespaced(ctx context.Context, client any) (core *boundary.Object, release func(), err error) {
	core, prefix, err := Core(client)
	if err != nil {
		return nil, nil, err
	}
	if prefix == "" {
		return core, func() {}, nil
	}
	below, err := core.Call(ctx, method.ClientNamespace, &bridgepb.Namespace{Prefix: []byte(prefix)}, nil)
	if err != nil {
		return nil, nil, err
	}
	return below, below.Close, nil
}
