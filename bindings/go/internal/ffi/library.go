// Package ffi is the only place that speaks to the native core: it starts calls through the C ABI and brings their
// results back.
//
// The problem it solves: a goroutine that waits inside C holds an operating system thread. So no goroutine does but
// one: calls are started without waiting, their results are collected by the core in a queue, and one reader takes
// them in batches and hands each to the goroutine that waits for it on a channel. While it waits it runs the core, so
// that an answer wakes no other thread on its way. Requests are copied by the core before a start returns and results
// are copied before the queue is asked again, so neither side keeps a pointer of the other.
package ffi

/*
#cgo linux,amd64 LDFLAGS: -L${SRCDIR}/lib/linux_amd64
#cgo linux,arm64 LDFLAGS: -L${SRCDIR}/lib/linux_arm64
#cgo darwin,amd64 LDFLAGS: -L${SRCDIR}/lib/darwin_amd64
#cgo darwin,arm64 LDFLAGS: -L${SRCDIR}/lib/darwin_arm64
#cgo windows,amd64 LDFLAGS: -L${SRCDIR}/lib/windows_amd64
#cgo LDFLAGS: -letcdkit_ffi
#cgo linux LDFLAGS: -lm -ldl -lpthread
#cgo darwin LDFLAGS: -framework Security -framework CoreFoundation
#cgo windows LDFLAGS: -lws2_32 -luserenv -lbcrypt -lntdll -ladvapi32

#cgo noescape etcdkit_queue_start
#cgo nocallback etcdkit_queue_start
#cgo nocallback etcdkit_queue_next
#cgo nocallback etcdkit_cancel
#cgo nocallback etcdkit_close

#include <stdlib.h>
#include "etcdkit.h"
// Written where the library is put into the module: with another library, programs are linked again.
#if __has_include("library_stamp.h")
#include "library_stamp.h"
#endif
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

const (
	// abiVersion is the version of the C ABI this package was written for.
	abiVersion = 1
	// batchMax bounds the results taken at once: enough to pay for the crossing under load, and a batch of small
	// results stays within the cache.
	batchMax = 256
	// waitForever as a time limit is none.
	waitForever = -1
)

// Version is that of the native core.
func Version() string { return C.GoString(C.etcdkit_version()) }

// Close gives an object of the core back and ends the calls on it. Unknown and closed handles are ignored.
func Close(handle uint64) {
	if handle != 0 {
		C.etcdkit_close(C.uint64_t(handle))
	}
}

// queue opens the one completion queue of the process, and its reader, at the first call.
var queue = sync.OnceValue(func() C.uint64_t {
	if got := uint32(C.etcdkit_abi_version()); got != abiVersion {
		panic(fmt.Sprintf("etcdkit: the native library has ABI version %d, this package needs %d: build both from one release", got, abiVersion))
	}
	opened := C.etcdkit_queue_open_driving()
	go read(opened)
	return opened
})

// start hands a request to the core and returns the number of the call, 0 when the core refused it. Either way the
// queue will hold exactly one result with this tag.
func start(target uint64, method uint32, request []byte, timeoutMillis int64, tag uint64) uint64 {
	data := (*C.uint8_t)(unsafe.SliceData(request))
	return uint64(C.etcdkit_queue_start(queue(), C.uint64_t(target), C.uint32_t(method), data, C.size_t(len(request)),
		C.int64_t(timeoutMillis), C.uint64_t(tag)))
}

func cancel(call uint64) { C.etcdkit_cancel(C.uint64_t(call)) }

// read delivers results for as long as the process lives.
func read(queue C.uint64_t) {
	memory := C.calloc(batchMax, C.sizeof_etcdkit_result)
	if memory == nil {
		panic("etcdkit: out of memory")
	}
	results := unsafe.Slice((*C.etcdkit_result)(memory), batchMax)
	for {
		n := C.etcdkit_queue_next(queue, &results[0], batchMax, waitForever)
		if n < 0 {
			panic(fmt.Sprintf("etcdkit: the completion queue is gone (%d)", n))
		}
		for i := range results[:n] {
			r := &results[i]
			deliver(uint64(r.tag), Result{
				Handle:         uint64(r.handle),
				Data:           copied(r.data, r.len),
				Kind:           Kind(r.kind),
				Code:           int32(r.code),
				OutcomeUnknown: r.flags&flagOutcomeUnknown != 0,
				Message:        string(view(r.message, r.message_len)),
			})
		}
		// Those who got a result go on at once and on this thread: otherwise they would be waiting for another one to
		// wake up and take them over from the reader, which is back in C and keeps its processor until that is noticed.
		runtime.Gosched()
	}
}

func copied(data *C.uint8_t, length C.size_t) []byte {
	if length == 0 {
		return nil
	}
	return append(make([]byte, 0, int(length)), view(data, length)...)
}

func view(data *C.uint8_t, length C.size_t) []byte {
	if data == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(data)), int(length))
}
