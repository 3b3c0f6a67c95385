// The guided tour in Go: the same steps, printing the same lines, in every language.
//
//	tour [ENDPOINT]
//
// Without an endpoint it starts an embedded server. Each line is `step: what was seen`.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/server"
	"go.uber.org/zap"
)

// prefixes that every key of the tour starts with one of.
var prefixes = []string{
	"/mykey/", "/ukey/", "/lskey/", "/service/", "/config/", "/leader", "/old/", "/locks/tour", "stock", "user1", "tour",
}

// patience is the longest wait for anything the tour expects to happen.
const patience = 20 * time.Second

// step shows one thing and tells what it saw.
type step struct {
	name string
	run  func(context.Context, *tour) (string, error)
}

var steps = []step{
	{"status", status},
	{"put", put},
	{"get", get},
	{"get a prefix", getPrefix},
	{"count", count},
	{"exists", exists},
	{"history", history},
	{"transaction", transaction},
	{"lease", lease},
	{"lease expiry", leaseExpiry},
	{"watch a prefix", watchPrefix},
	{"watch from a revision", watchHistory},
	{"lock", lock},
	{"lock and etcdctl", lockWithEtcdctl},
	{"leader by lease", leaderByLease},
	{"leader by election", leaderByElection},
	{"service discovery", serviceDiscovery},
	{"configuration", configuration},
	{"compaction", compaction},
	{"delete a key", deleteKey},
	{"delete a prefix", deletePrefix},
}

// tour is a client of the server that is toured.
type tour struct {
	*clientv3.Client
	endpoint string
}

func connect(endpoint string) (*tour, error) {
	config := clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()}
	client, err := clientv3.New(config)
	if err != nil {
		return nil, err
	}
	return &tour{client, endpoint}, nil
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return show(ctx, args[0])
	}
	embedded, err := server.Start(ctx, server.Config{})
	if err != nil {
		return err
	}
	defer embedded.Stop(ctx)
	return show(ctx, embedded.Endpoint())
}

func show(ctx context.Context, endpoint string) error {
	t, err := connect(endpoint)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.clear(ctx); err != nil {
		return err
	}
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(ctx, patience)
		saw, err := step.run(ctx, t)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("%s: %s\n", step.name, saw)
	}
	return t.clear(ctx)
}

func (t *tour) clear(ctx context.Context) error {
	for _, prefix := range prefixes {
		if _, err := t.Delete(ctx, prefix, clientv3.WithPrefix()); err != nil {
			return err
		}
	}
	return nil
}

// put writes a pair of the tour.
func (t *tour) put(ctx context.Context, key, value string, options ...clientv3.OpOption) error {
	_, err := t.Put(ctx, key, value, options...)
	return err
}

// value of a key that is there.
func (t *tour) value(ctx context.Context, key string, options ...clientv3.OpOption) (string, error) {
	response, err := t.Get(ctx, key, options...)
	if err != nil {
		return "", err
	}
	if len(response.Kvs) == 0 {
		return "", fmt.Errorf("%s is not there", key)
	}
	return string(response.Kvs[0].Value), nil
}

// count of the keys that the options take.
func (t *tour) count(ctx context.Context, key string, options ...clientv3.OpOption) (int64, error) {
	response, err := t.Get(ctx, key, append(options, clientv3.WithCountOnly())...)
	if err != nil {
		return 0, err
	}
	return response.Count, nil
}

// waitForCount waits until so many keys have the prefix.
func (t *tour) waitForCount(ctx context.Context, prefix string, wanted int64) error {
	for {
		found, err := t.count(ctx, prefix, clientv3.WithPrefix())
		if err != nil || found == wanted {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("what the tour waits for did not happen: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func yes(condition bool) string {
	if condition {
		return "yes"
	}
	return "no"
}
