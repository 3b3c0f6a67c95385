package clientv3

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/ffi"
)

var (
	// ErrNoAvailableEndpoints: a Config names no endpoint.
	ErrNoAvailableEndpoints = errors.New("etcdclient: no available endpoints")
	// ErrOldCluster: the cluster is too old, and Config.RejectOldCluster asks not to speak to it.
	ErrOldCluster = errors.New("etcdclient: old cluster version")
	// ErrMutuallyExclusiveCfg: a Config has both a user and a token.
	ErrMutuallyExclusiveCfg = errors.New("Username/Password and Token configurations are mutually exclusive")
)

// ContextError turns the error of a call into what users compare: a value of rpctypes, or the error of the context
// that ended the call.
func ContextError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = rpctypes.Error(err)
	var known rpctypes.EtcdError
	if errors.As(err, &known) {
		return err
	}
	ended, ok := status.FromError(err)
	if ok && ctx.Err() != nil && (ended.Code() == codes.DeadlineExceeded || ended.Code() == codes.Canceled) {
		return ctx.Err()
	}
	return err
}

// IsConnCanceled tells whether a call failed because its client was closed or its context cancelled.
func IsConnCanceled(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, context.Canceled) {
		return true
	}
	failed, ok := status.FromError(err)
	return ok && failed.Code() == codes.Canceled
}

// OutcomeUnknown tells whether a write failed in a way that leaves open whether it happened. A write that is not safe
// to repeat has to be checked then.
func OutcomeUnknown(err error) bool {
	var failed *boundary.Error
	return errors.As(err, &failed) && failed.OutcomeUnknown
}

func isClosed(err error) bool { return boundary.KindOf(err) == ffi.Closed }
