package boundary

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etcdkit/etcdkit/bindings/go/internal/ffi"
)

// Error is a failure that is neither one of etcd's own errors nor the end of the caller's context.
type Error struct {
	// Kind is the class of the error.
	Kind ffi.Kind
	// OutcomeUnknown tells that a write failed which may have happened all the same.
	OutcomeUnknown bool

	code    codes.Code
	message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("rpc error: code = %s desc = %s", e.code, e.message)
}

// GRPCStatus makes the error one of gRPC's, for status.FromError and status.Code.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.code, e.message) }

// KindOf is the class of an error of this package, or OK when it is none.
func KindOf(err error) ffi.Kind {
	var failed *Error
	if errors.As(err, &failed) {
		return failed.Kind
	}
	return ffi.OK
}

// failure words the outcome of a call as Go programs compare it: etcd's errors are the values of rpctypes, and a call
// that ended because its context did has the error of the context.
func failure(ctx context.Context, result *ffi.Result) error {
	failed := &Error{
		Kind:           result.Kind,
		OutcomeUnknown: result.OutcomeUnknown,
		code:           codes.Code(result.Code),
		message:        result.Message,
	}
	// rpctypes knows its errors by their text.
	var known rpctypes.EtcdError
	if err := rpctypes.Error(status.Error(failed.code, failed.message)); errors.As(err, &known) {
		return known
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return failed
}

func closed() error {
	return &Error{Kind: ffi.Closed, code: codes.Canceled, message: "the client is closed"}
}

func badMessage(which string, cause error) error {
	return &Error{Kind: ffi.Kind(codes.Internal), code: codes.Internal, message: fmt.Sprintf("cannot read the %s: %v", which, cause)}
}

// tooLarge is worded as gRPC words it, since programs look for that.
func tooLarge(what string, size, limit int) error {
	message := fmt.Sprintf("%s message larger than max (%d vs. %d)", what, size, limit)
	return &Error{Kind: ffi.Kind(codes.ResourceExhausted), code: codes.ResourceExhausted, message: message}
}
