package clientv3_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

func TestAWatchSeesWhatIsWrittenAfterIt(t *testing.T) {
	client, ctx := connect(t), within(t)
	events := client.Watch(ctx, "key", clientv3.WithCreatedNotify())
	if created := <-events; !created.Created || created.Err() != nil {
		t.Fatalf("first: %+v", created)
	}
	put := must(client.Put(ctx, "key", "value"))
	seen := <-events
	if len(seen.Events) != 1 || seen.Events[0].Type != clientv3.EventTypePut || seen.Header.Revision != put.Header.Revision {
		t.Errorf("saw %+v", seen)
	}
}

func TestEndingTheContextClosesTheChannelWithoutALastWord(t *testing.T) {
	client := connect(t)
	ctx, cancel := context.WithCancel(within(t))
	events := client.Watch(ctx, "key")
	cancel()
	if last, open := <-events; open {
		t.Errorf("a last word: %+v", last)
	}
}

func TestACompactedWatchTellsAndEndsAlone(t *testing.T) {
	client, ctx := connect(t), within(t)
	var last int64
	for range 3 {
		last = must(client.Put(ctx, "key", "value")).Header.Revision
	}
	must(client.Compact(ctx, last))
	sibling := client.Watch(ctx, "key")
	events := client.Watch(ctx, "key", clientv3.WithRev(last-1))
	response := <-events
	if !response.Canceled || response.CompactRevision != last || response.Err() != rpctypes.ErrCompacted {
		t.Errorf("got %+v: %v", response, response.Err())
	}
	if more, open := <-events; open {
		t.Errorf("more: %+v", more)
	}
	must(client.Put(ctx, "key", "value"))
	if seen := <-sibling; len(seen.Events) != 1 {
		t.Errorf("the sibling saw %+v", seen)
	}
}

func TestProgressIsToldOnRequest(t *testing.T) {
	client, ctx := connect(t), within(t)
	put := must(client.Put(ctx, "other", "value"))
	events := client.Watch(ctx, "key")
	if err := client.RequestProgress(ctx); err != nil {
		t.Fatal(err)
	}
	if seen := <-events; !seen.IsProgressNotify() || seen.Header.Revision < put.Header.Revision {
		t.Errorf("saw %+v", seen)
	}
}

func TestAWatchStopsForAReaderThatDoesNotRead(t *testing.T) {
	client, ctx := connect(t), within(t)
	const puts = 3000
	slow := client.Watch(ctx, "key")
	fast := client.Watch(ctx, "key")
	go func() {
		for i := range puts {
			if _, err := client.Put(ctx, "key", fmt.Sprint(i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for _, events := range []clientv3.WatchChan{fast, slow} {
		for next := 0; next < puts; {
			response, open := <-events
			if !open || response.Err() != nil {
				t.Fatalf("ended after %d: %v", next, response.Err())
			}
			for _, event := range response.Events {
				if string(event.Kv.Value) != fmt.Sprint(next) {
					t.Fatalf("%s in place of %d", event.Kv.Value, next)
				}
				next++
			}
		}
	}
}

func TestKeepAliveRenewsUntilTheLeaseIsGone(t *testing.T) {
	client, ctx := connect(t), within(t)
	granted := must(client.Grant(ctx, 2))
	renewals := must(client.KeepAlive(ctx, granted.ID))
	for range 3 {
		renewal, open := <-renewals
		if !open || renewal.ID != granted.ID || renewal.TTL != 2 {
			t.Fatalf("got %+v", renewal)
		}
	}
	must(client.Revoke(ctx, granted.ID))
	for range renewals {
	}
	if _, err := client.KeepAliveOnce(ctx, granted.ID); err != rpctypes.ErrLeaseNotFound {
		t.Errorf("got %v", err)
	}
}

func TestKeepAliveEndsWithItsContextAndWithTheClient(t *testing.T) {
	client := connect(t)
	granted := must(client.Grant(within(t), 60))
	ctx, cancel := context.WithCancel(within(t))
	ended := must(client.KeepAlive(ctx, granted.ID))
	closed := must(client.KeepAlive(within(t), granted.ID))
	cancel()
	for range ended {
	}
	client.Close()
	for range closed {
	}
	if _, err := client.KeepAlive(within(t), granted.ID); err == nil {
		t.Error("a closed client keeps leases alive")
	}
}

// T-FFI-3: clients and watches that come and go leave nothing behind. ETCDKIT_TEST_FULL=1 runs the full numbers.
func TestClientsAndWatchesLeaveNothingBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	clients := 2_000
	if os.Getenv("ETCDKIT_TEST_FULL") == "1" {
		clients = 100_000
	}
	endpoint := start(t).Endpoint()
	openAndClose := func(count int) {
		for i := range count {
			client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
			if err != nil {
				t.Fatal(err)
			}
			if i%10 == 0 {
				watchOnce(t, client)
			}
			client.Close()
		}
	}
	openAndClose(clients / 4)
	before := resourcesOf(t)
	openAndClose(clients)
	deadline := time.Now().Add(patience)
	for {
		after := resourcesOf(t)
		if after.within(before) {
			t.Logf("%d clients: %+v before, %+v after", clients, before, after)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v before, %+v after", before, after)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Writes a key and sees it.
func watchOnce(t *testing.T, client *clientv3.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	events := client.Watch(ctx, "key")
	must(client.Put(ctx, "key", "value"))
	<-events
	cancel()
	for range events {
	}
}

// What a process holds: goroutines, threads, open files, and kilobytes of resident memory.
type resources struct{ goroutines, threads, files, kilobytes int }

// Growth that is the runtime's and the allocator's own; the race detector's shadow of memory is among it.
func (r resources) within(before resources) bool {
	const kilobytesMax = 32 << 10
	return r.goroutines <= before.goroutines+10 && r.threads <= before.threads+8 && r.files <= before.files+8 &&
		r.kilobytes <= before.kilobytes+kilobytesMax
}

func resourcesOf(t *testing.T) resources {
	t.Helper()
	debug.FreeOSMemory()
	status := string(must(os.ReadFile("/proc/self/status")))
	_, resident, _ := strings.Cut(status, "VmRSS:")
	kilobytes := must(strconv.Atoi(strings.Fields(resident)[0]))
	threads, files := must(os.ReadDir("/proc/self/task")), must(os.ReadDir("/proc/self/fd"))
	return resources{runtime.NumGoroutine(), len(threads), len(files), kilobytes}
}
