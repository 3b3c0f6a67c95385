// Command driver is the driver of the behaviour spec for Go: lines in, calls of the SDK, lines out (spec/PROTOCOL.md).
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// lineBytesMax is beyond the longest line of a scenario: values of a few megabytes in hex.
const lineBytesMax = 64 << 20

// connection is an open client.
type connection struct {
	*clientv3.Client
	// timeout of a call; 0 is none.
	timeout time.Duration
	// failed is why it could not be opened: logging in is part of that.
	failed error
}

type driver struct {
	output sync.Mutex
	writer *bufio.Writer

	// mu guards what follows, by the ids of the requests that made it.
	mu      sync.Mutex
	clients map[uint64]*connection
	cancels map[uint64]context.CancelFunc
	locks   map[uint64]*held
	leaders map[uint64]*leader
}

func main() {
	d := &driver{
		writer:  bufio.NewWriter(os.Stdout),
		clients: map[uint64]*connection{},
		cancels: map[uint64]context.CancelFunc{},
		locks:   map[uint64]*held{},
		leaders: map[uint64]*leader{},
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineBytesMax)
	for input.Scan() {
		request, err := parse(input.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		d.begin(request)
	}
}

// begin performs a request, without waiting for its end. Its context is there before the next line is read, so that
// a later line can cancel it.
func (d *driver) begin(request *line) {
	ctx, cancel := context.WithCancel(context.Background())
	d.mu.Lock()
	d.cancels[request.id] = cancel
	d.mu.Unlock()
	go func() {
		told, err := d.perform(ctx, request)
		switch {
		case errors.Is(err, errUnsupported):
			d.tell(request.id, "unsupported", nil)
		case err != nil:
			d.tell(request.id, "err", failure(err))
		case told != nil:
			d.tell(request.id, "ok", told)
		}
	}()
}

func (d *driver) tell(id uint64, word string, told answer) {
	d.output.Lock()
	defer d.output.Unlock()
	fmt.Fprintln(d.writer, strings.Join(append([]string{fmt.Sprint(id), word}, told...), " "))
	d.writer.Flush()
}

// perform answers nil when the answer has been told already.
func (d *driver) perform(ctx context.Context, request *line) (answer, error) {
	switch request.verb {
	case "hello":
		return answer{"lang=go"}, nil
	case "open":
		return d.open(request)
	case "cancel", "unwatch":
		d.cancel(request.reference("call") + request.reference("watch"))
		return answer{}, nil
	}
	client, err := d.client(request)
	if err != nil {
		return nil, err
	}
	if client.failed != nil {
		if request.verb == "close" {
			return answer{}, nil
		}
		return nil, client.failed
	}
	switch request.verb {
	case "close":
		// One that was misused is closed already.
		if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
			return nil, err
		}
		return answer{}, nil
	case "misuse":
		return nil, misuse(ctx, client, request)
	case "watch":
		return d.watch(ctx, client, request)
	case "observe":
		return d.observe(ctx, client, request)
	case "auth":
		ctx, cancel := client.limit(ctx)
		defer cancel()
		return administer(ctx, client, request)
	case "lock", "unlock", "campaign", "proclaim", "resign", "leader":
		ctx, cancel := client.limit(ctx)
		defer cancel()
		return d.coordinate(ctx, client, request)
	}
	ctx, cancel := client.limit(ctx)
	defer cancel()
	return call(ctx, client, request)
}

func (d *driver) open(request *line) (answer, error) {
	config := clientv3.Config{Logger: zap.NewNop()}
	endpoint, _ := request.text("endpoint")
	config.Endpoints = strings.Split(endpoint, ",")
	config.Username, _ = request.text("user")
	config.Password, _ = request.text("password")
	client, err := clientv3.New(config)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[request.id] = &connection{client, request.millis("timeout"), err}
	return answer{}.with("client", request.id), nil
}

func (d *driver) client(request *line) (*connection, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	client := d.clients[request.reference("client")]
	if client == nil {
		return nil, fmt.Errorf("no client in %s", request.verb)
	}
	return client, nil
}

func (d *driver) cancel(call uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cancel := d.cancels[call]; cancel != nil {
		cancel()
	}
}

// limit is the context of a call.
func (c *connection) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// misuse of a client. A key that is no string does not compile.
func misuse(ctx context.Context, client *connection, request *line) error {
	if kind, _ := request.text("kind"); kind != "closed" {
		return errUnsupported
	}
	if err := client.Close(); err != nil {
		return err
	}
	_, err := client.Put(ctx, "a", "1")
	return err
}
