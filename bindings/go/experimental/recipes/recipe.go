// Package recipe has queues, barriers and locks for readers and writers, in the shape of
// go.etcd.io/etcd/client/v3/experimental/recipes and with its keys: programs on either take part in the same ones, and
// so do those on the core of etcdkit in other languages.
package recipe

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/concurrency"
	"github.com/etcdkit/etcdkit/bindings/go/internal/access"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
)

var (
	// ErrKeyExists: the barrier is down already.
	ErrKeyExists = errors.New("key already exists")
	// ErrWaitMismatch is of upstream's package and not used there either.
	ErrWaitMismatch = errors.New("unexpected wait result")
	// ErrTooManyClients: more have entered a DoubleBarrier than it is for.
	ErrTooManyClients = errors.New("too many clients")
	// ErrNoWatcher: the client cannot watch.
	ErrNoWatcher = errors.New("no watcher channel")
)

// call calls a method of the core on the keys as the client sees them, for as long as the client is open: these
// recipes take no context.
func call(client *clientv3.Client, method uint32, request, response proto.Message) error {
	core, release, err := access.Namespaced(client.Ctx(), client)
	if err != nil {
		return err
	}
	defer release()
	_, err = core.Call(client.Ctx(), method, request, response)
	return err
}

// closedBy closes an object of the core when its work is done, whatever came of it.
func closedBy(object *boundary.Object, err error) error {
	object.Close()
	return err
}

// known words the errors that programs compare.
func known(err error) error {
	switch status.Code(err) {
	case codes.AlreadyExists:
		return ErrKeyExists
	case codes.ResourceExhausted:
		return ErrTooManyClients
	default:
		return err
	}
}

// session is the core's object of a session, and the context of its client.
func session(s *concurrency.Session) (*boundary.Object, context.Context) {
	return access.Session(s), s.Client().Ctx()
}
