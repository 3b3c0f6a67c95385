package ffi

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The methods that this package is tested with; package method may not be imported here.
const (
	echo      = 1
	panicking = 2
)

// atOnce is how many goroutines call at a time where many do.
const atOnce = 10_000

func TestAnEchoComesBack(t *testing.T) {
	for _, text := range []string{"", "x", string(make([]byte, 1<<20))} {
		result := Call(context.Background(), 0, echo, []byte(text))
		if result.Kind != OK || string(result.Data) != text {
			t.Fatalf("an echo of %d bytes came back as %d, kind %d %s", len(text), len(result.Data), result.Kind, result.Message)
		}
	}
}

func TestACallOfNothingIsRefused(t *testing.T) {
	for _, target := range []uint64{1, 12345, 1 << 63} {
		if result := Call(context.Background(), target, echo, nil); result.Kind == OK {
			t.Errorf("a call on the handle %d, which never was, succeeded", target)
		}
	}
	if result := Call(context.Background(), 0, 9999, nil); result.Kind == OK {
		t.Error("a method that does not exist succeeded")
	}
}

func TestCancellingEndsACall(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		if result := Call(ctx, 0, echo, []byte("x")); result.Kind != OK && result.Kind != Cancelled {
			t.Fatalf("kind %d: %s", result.Kind, result.Message)
		}
	}
}

func TestAPanicInTheCoreIsAnError(t *testing.T) {
	result := Call(context.Background(), 0, panicking, nil)
	if result.Kind == OK || result.Message == "" {
		t.Errorf("a panic came back as kind %d %q", result.Kind, result.Message)
	}
	if after := Call(context.Background(), 0, echo, []byte("x")); after.Kind != OK {
		t.Errorf("after a panic: %s", after.Message)
	}
}

// T-FFI-7: ten thousand goroutines at once, with a collector that never rests, need few threads.
func TestManyGoroutinesShareFewThreads(t *testing.T) {
	const threadsMax = 64
	stop := make(chan struct{})
	var collecting sync.WaitGroup
	collecting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.GC()
			}
		}
	})
	var calling sync.WaitGroup
	for i := range atOnce {
		calling.Go(func() {
			text := fmt.Sprint(i)
			for range 10 {
				result := Call(context.Background(), 0, echo, []byte(text))
				if string(result.Data) != text {
					t.Errorf("%s came back as %q: %s", text, result.Data, result.Message)
				}
			}
		})
	}
	calling.Wait()
	close(stop)
	collecting.Wait()
	if threads := threadCount(t); threads > threadsMax {
		t.Errorf("%d threads", threads)
	}
}

func BenchmarkEcho(b *testing.B) {
	request := make([]byte, 64)
	for b.Loop() {
		Call(context.Background(), 0, echo, request)
	}
}

func BenchmarkEchoOf64(b *testing.B) {
	request := make([]byte, 64)
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			Call(context.Background(), 0, echo, request)
		}
	})
}
