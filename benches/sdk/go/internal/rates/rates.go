// Package rates measures calls a second of a client of etcd; see benches/sdk/programs.toml.
package rates

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	callers = 64
	writers = 8
)

// Value has 256 bytes.
var Value = strings.Repeat("x", 256)

// Client is what both clients have, without their types.
type Client struct {
	Put func(ctx context.Context, key, value string) error
	Get func(ctx context.Context, key string) error
	// Watch calls seen with the number of events of each response, until the context ends.
	Watch func(ctx context.Context, prefix string, seen func(events int))
}

// Arguments of the program: the endpoint, and how long each figure is measured.
func Arguments() (endpoint string, each time.Duration) {
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		panic(err)
	}
	return os.Args[1], time.Duration(seconds * float64(time.Second))
}

// Measure prints all figures.
func Measure(client Client, each time.Duration) {
	ctx := context.Background()
	put := func(key string) { check(client.Put(ctx, key, Value)) }
	get := func(string) { check(client.Get(ctx, "key")) }
	put("key")
	Print("put", rate(1, each, "put", put))
	Print("get", rate(1, each, "get", get))
	Print("put64", rate(callers, each, "put64", put))
	Print("get64", rate(callers, each, "get64", get))
	Print("watch", watchRate(client, each, put))
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	Print("rss_mib", float64(usage.Maxrss)/1024)
}

// Print prints one figure.
func Print(name string, figure float64) { fmt.Println(name, figure) }

// rate is calls a second by several callers at a time, each with keys of its own.
func rate(callers int, each time.Duration, name string, call func(key string)) float64 {
	var done atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for caller := range callers {
		all.Go(func() {
			for at := 0; time.Since(begun) < each; at++ {
				call(fmt.Sprintf("%s/%d/%d", name, caller, at%100))
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(begun).Seconds()
}

// watchRate is events a second that a watcher of a prefix sees while others write below it.
func watchRate(client Client, each time.Duration, put func(string)) float64 {
	ctx, end := context.WithCancel(context.Background())
	var seen atomic.Int64
	var watching sync.WaitGroup
	watching.Go(func() { client.Watch(ctx, "watched/", func(events int) { seen.Add(int64(events)) }) })
	begun := time.Now()
	rate(writers, each, "watched", put)
	total, took := seen.Load(), time.Since(begun)
	end()
	watching.Wait()
	return float64(total) / took.Seconds()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
