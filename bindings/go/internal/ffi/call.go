package ffi

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// flagOutcomeUnknown marks an error of a write that may have happened all the same.
const flagOutcomeUnknown = 1

// grace lets the context of a call end before the core's own clock does, so that the caller sees the error of its
// context, as Go programs compare it.
const grace = 100 * time.Millisecond

// Result is how a call ended.
type Result struct {
	// Handle of the object the call made, or 0.
	Handle uint64
	// Data is the encoded response.
	Data []byte
	// Kind is OK or the class of the error.
	Kind Kind
	// Code is the gRPC code that fits best.
	Code int32
	// OutcomeUnknown tells that a write failed which may have happened.
	OutcomeUnknown bool
	// Message is the text of the error, as the server or the core worded it.
	Message string
}

// waiter is a goroutine that waits for one result. Waiters are used again: each gets exactly one result per call.
type waiter struct{ result chan Result }

var waiters = sync.Pool{New: func() any { return &waiter{result: make(chan Result, 1)} }}

// shards spreads the calls in flight over several locks.
const shards = 64

type shard struct {
	sync.Mutex
	waiting map[uint64]*waiter
}

var (
	inFlight [shards]shard
	lastTag  atomic.Uint64
)

func init() {
	for i := range inFlight {
		inFlight[i].waiting = make(map[uint64]*waiter)
	}
}

// Call starts a method of an object and waits until it has ended. When the context ends first, the call is cancelled
// in the core, which then ends it at once. Safe for use by many goroutines.
func Call(ctx context.Context, target uint64, method uint32, request []byte) Result {
	waiting := waiters.Get().(*waiter)
	tag := lastTag.Add(1)
	shard := &inFlight[tag%shards]
	shard.Lock()
	shard.waiting[tag] = waiting
	shard.Unlock()

	call := start(target, method, request, timeout(ctx), tag)
	if call == 0 {
		deliver(tag, overloaded)
	}
	result := waiting.wait(ctx, call)
	waiters.Put(waiting)
	return result
}

// overloaded is the result of a call that the core did not take, because too many results wait to be read.
var overloaded = Result{Kind: ResourceExhausted, Code: int32(ResourceExhausted), Message: "too many calls are in flight: wait for some to end"}

func (w *waiter) wait(ctx context.Context, call uint64) Result {
	done := ctx.Done()
	if done == nil {
		return <-w.result
	}
	select {
	case result := <-w.result:
		return result
	case <-done:
	}
	// What the call may have made is in its result, so that is waited for; it comes at once.
	cancel(call)
	return <-w.result
}

func deliver(tag uint64, result Result) {
	shard := &inFlight[tag%shards]
	shard.Lock()
	waiting := shard.waiting[tag]
	delete(shard.waiting, tag)
	shard.Unlock()
	if waiting != nil {
		waiting.result <- result
	}
}

// timeout is the core's limit in milliseconds for a call under this context.
func timeout(ctx context.Context) int64 {
	deadline, limited := ctx.Deadline()
	if !limited {
		return waitForever
	}
	return max(1, (time.Until(deadline) + grace).Milliseconds())
}
