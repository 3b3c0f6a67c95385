// Package boundary gives the objects of the native core a shape in Go: a handle with methods that take and return
// protobuf messages, and errors as Go programs know them.
package boundary

import (
	"context"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/etcdkit/etcdkit/bindings/go/internal/ffi"
)

// Object is something of the core: a client, a stream, a session, a lock, a leadership, a server. Safe for use by
// many goroutines.
type Object struct {
	handle atomic.Uint64
	// SendMax and RecvMax bound the bytes of requests and responses of its calls, where they are not 0. To be set
	// before the first call.
	SendMax, RecvMax int
}

// keptBytes is the largest request buffer that is kept for another call; larger ones are left to the collector.
const keptBytes = 64 << 10

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Open makes an object by a method that needs none. response may be nil.
func Open(ctx context.Context, method uint32, request, response proto.Message) (*Object, error) {
	return call(ctx, 0, method, request, response, limits{})
}

// Call calls a method of the object. What the method makes is returned, or nil. response may be nil.
func (o *Object) Call(ctx context.Context, method uint32, request, response proto.Message) (*Object, error) {
	handle := o.handle.Load()
	if handle == 0 {
		return nil, closed()
	}
	return call(ctx, handle, method, request, response, limits{o.SendMax, o.RecvMax})
}

// Handle is the number by which other objects refer to this one; 0 when it is closed.
func (o *Object) Handle() uint64 { return o.handle.Load() }

// Close ends the calls on the object and frees it. Closing again does nothing.
func (o *Object) Close() { ffi.Close(o.handle.Swap(0)) }

func call(ctx context.Context, target uint64, method uint32, request, response proto.Message, limits limits) (*Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	buffer := buffers.Get().(*[]byte)
	encoded, err := proto.MarshalOptions{}.MarshalAppend((*buffer)[:0], request)
	if err != nil {
		return nil, badMessage("request", err)
	}
	if over(len(encoded), limits.send) {
		return nil, tooLarge("trying to send", len(encoded), limits.send)
	}
	result := ffi.Call(ctx, target, method, encoded)
	if cap(encoded) <= keptBytes {
		*buffer = encoded
		buffers.Put(buffer)
	}
	if result.Kind != ffi.OK {
		return nil, failure(ctx, &result)
	}
	var made *Object
	if result.Handle != 0 {
		made = &Object{}
		made.handle.Store(result.Handle)
	}
	if over(len(result.Data), limits.recv) {
		return nil, tooLarge("received", len(result.Data), limits.recv)
	}
	if response == nil {
		return made, nil
	}
	if err := proto.Unmarshal(result.Data, response); err != nil {
		if made != nil {
			made.Close()
		}
		return nil, badMessage("response", err)
	}
	return made, nil
}

type limits struct{ send, recv int }

func over(size, limit int) bool { return limit > 0 && size > limit }
