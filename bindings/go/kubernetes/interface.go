// Package kubernetes has the few calls that Kubernetes makes of etcd, in the shape of go.etcd.io/etcd/client/v3's
// package of this name.
package kubernetes

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// Interface is what Kubernetes needs of etcd.
type Interface interface {
	// Get reads a key. One that does not exist is no error: GetResponse.KV is nil then. Fails with
	// rpctypes.ErrCompacted when the revision asked for is compacted.
	Get(ctx context.Context, key string, opts GetOptions) (GetResponse, error)
	// List reads the keys below a prefix in their order, as many as the limit allows.
	List(ctx context.Context, prefix string, opts ListOptions) (ListResponse, error)
	// Count tells how many keys there are below a prefix.
	Count(ctx context.Context, prefix string, opts CountOptions) (int64, error)
	// OptimisticPut writes a key whose last change has the expected revision; 0 expects that it does not exist. That it
	// was changed is no error: PutResponse.Succeeded is false.
	OptimisticPut(ctx context.Context, key string, value []byte, expectedRevision int64, opts PutOptions) (PutResponse, error)
	// OptimisticDelete deletes a key whose last change has the expected revision.
	OptimisticDelete(ctx context.Context, key string, expectedRevision int64, opts DeleteOptions) (DeleteResponse, error)
}

// GetOptions of Interface.Get.
type GetOptions struct {
	// Revision to read at; 0 is the latest.
	Revision int64
}

// ListOptions of Interface.List.
type ListOptions struct {
	// Revision to read at; 0 is the latest.
	Revision int64
	// Limit is the most keys to return; 0 is all.
	Limit int64
	// Continue is the key to go on at: for the next page the last key of this one and "\x00".
	Continue string
}

// CountOptions of Interface.Count: there are none yet.
type CountOptions struct{}

// PutOptions of Interface.OptimisticPut.
type PutOptions struct {
	// GetOnFailure reads the pair that is there instead of the expected one.
	GetOnFailure bool
	// LeaseID ends the key.
	//
	// Deprecated: upstream means to replace it by a TTL.
	LeaseID clientv3.LeaseID
}

// DeleteOptions of Interface.OptimisticDelete.
type DeleteOptions struct {
	// GetOnFailure reads the pair that is there instead of the expected one.
	GetOnFailure bool
}

// GetResponse is the answer to Get.
type GetResponse struct {
	// KV is the pair, or nil.
	KV *mvccpb.KeyValue
	// Revision of the store at that moment.
	Revision int64
}

// ListResponse is the answer to List.
type ListResponse struct {
	// Kvs are the pairs of this page.
	Kvs []*mvccpb.KeyValue
	// Count of all keys from where the page begins to the end of the prefix.
	Count int64
	// Revision of the store at that moment.
	Revision int64
}

// PutResponse is the answer to OptimisticPut.
type PutResponse struct {
	// KV is the pair that was there instead, if it was asked for.
	KV *mvccpb.KeyValue
	// Succeeded tells whether the key was written.
	Succeeded bool
	// Revision of the store after the call.
	Revision int64
}

// DeleteResponse is the answer to OptimisticDelete.
type DeleteResponse struct {
	// KV is the pair that was there instead, if it was asked for.
	KV *mvccpb.KeyValue
	// Succeeded tells whether the key was deleted.
	Succeeded bool
	// Revision of the store after the call.
	Revision int64
}
