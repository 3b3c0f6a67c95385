package clientv3

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

const (
	// EventTypeDelete is the type of an event that deletes a key.
	EventTypeDelete = mvccpb.Event_DELETE
	// EventTypePut is the type of an event that writes a key.
	EventTypePut = mvccpb.Event_PUT

	// AutoWatchID lets the server choose the id of a watch.
	AutoWatchID = 0
	// InvalidWatchID is the id of no watch; a response to RequestProgress has it.
	InvalidWatchID = -1
)

// Event is a change of a key.
type Event = mvccpb.Event

// WatchChan delivers what a watch sees.
type WatchChan <-chan WatchResponse

// Watcher watches keys (etcdserverpb.Watch).
type Watcher interface {
	// Watch watches the key, or with WithRange, WithPrefix or WithFromKey a range of keys, from now on or from the
	// revision of WithRev. It returns when the server has the watch, so what is written afterwards is seen; without a
	// server it waits for one until the context ends.
	//
	// The watch outlives lost connections: nothing is lost and nothing comes twice. Where that is not possible, because
	// its revisions are compacted or it is not allowed, a last response with Canceled and Err tells, and the channel is
	// closed. When the context ends, the channel is closed without a last response; end it when the watch is no longer
	// needed. A reader that does not keep up slows its own watch down and no other.
	Watch(ctx context.Context, key string, opts ...OpOption) WatchChan

	// RequestProgress asks how far the watches are: each gets a response for which IsProgressNotify is true.
	RequestProgress(ctx context.Context) error

	// Close ends all watches of this Watcher.
	Close() error
}

// WatchResponse is what a watch saw: events of one or several revisions, or something about the watch itself.
type WatchResponse struct {
	Header *pb.ResponseHeader
	Events []*Event

	// CompactRevision is set when the watch ended because it wanted revisions that are compacted: the first it may
	// ask for.
	CompactRevision int64

	// Canceled tells that the watch has ended; Err tells why.
	Canceled bool

	// Created tells that the watch was created; only with WithCreatedNotify.
	Created bool

	err error

	// CancelReason is the server's reason to end the watch.
	CancelReason string
}

// Err tells why the watch ended, or nil while it goes on.
func (wr *WatchResponse) Err() error {
	switch {
	case wr.err != nil:
		return rpctypes.Error(wr.err)
	case wr.CompactRevision != 0:
		return rpctypes.ErrCompacted
	case !wr.Canceled:
		return nil
	case wr.CancelReason != "":
		return rpctypes.Error(status.Error(codes.FailedPrecondition, wr.CancelReason))
	default:
		return rpctypes.ErrFutureRev
	}
}

// IsProgressNotify tells whether the response tells nothing but how far the watch is.
func (wr *WatchResponse) IsProgressNotify() bool {
	return len(wr.Events) == 0 && !wr.Canceled && !wr.Created && wr.CompactRevision == 0 && wr.Header.GetRevision() != 0
}

type watcher struct {
	client *Client

	mu     sync.Mutex
	closed bool
	open   map[*watch]struct{}
}

// watch is one open watch. A goroutine of its own takes its responses to its channel.
type watch struct {
	ctx    context.Context
	end    context.CancelFunc
	stream *boundary.Stream
	out    chan WatchResponse
}

// NewWatcher is the watch service of a client, without what was put around Client.Watcher.
func NewWatcher(c *Client) Watcher {
	return &watcher{client: c, open: make(map[*watch]struct{})}
}

// NewWatchFromWatchClient is NewWatcher: watches are the core's, so remote is not used.
func NewWatchFromWatchClient(_ pb.WatchClient, c *Client) Watcher { return NewWatcher(c) }

func (w *watcher) Watch(ctx context.Context, key string, opts ...OpOption) WatchChan {
	op := OpWatch(key, opts...)
	own, end := context.WithCancel(ctx)
	// Room for one response, so that the last word reaches a reader that looks for it only later.
	opened := &watch{ctx: own, end: end, out: make(chan WatchResponse, 1)}
	if !w.add(opened) {
		end()
		close(opened.out)
		return opened.out
	}
	stream, err := w.client.openWatch(own, &op)
	if err != nil {
		opened.fail(err)
		close(opened.out)
		w.remove(opened)
		return opened.out
	}
	opened.stream = stream
	go func() {
		opened.run()
		w.remove(opened)
	}()
	return opened.out
}

func (c *Client) openWatch(ctx context.Context, op *Op) (*boundary.Stream, error) {
	create := &pb.WatchCreateRequest{
		Key:            op.key,
		RangeEnd:       op.end,
		StartRevision:  op.rev,
		ProgressNotify: op.progressNotify,
		PrevKv:         op.prevKV,
		Fragment:       op.fragment,
	}
	if op.filterPut {
		create.Filters = append(create.Filters, pb.WatchCreateRequest_NOPUT)
	}
	if op.filterDelete {
		create.Filters = append(create.Filters, pb.WatchCreateRequest_NODELETE)
	}
	core, err := c.core()
	if err != nil {
		return nil, err
	}
	options := &bridgepb.WatchOptions{Create: create, DeliverCreated: op.created}
	// Waiting for a server ends with the context of the user alone, whose deadline is that of the whole watch.
	opened, err := core.Call(ctx, method.WatchOpen, options, nil)
	if err != nil {
		return nil, err
	}
	return boundary.NewStream(opened), nil
}

func (w *watcher) add(opened *watch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.open[opened] = struct{}{}
	return true
}

func (w *watcher) remove(ended *watch) {
	ended.end()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, ended)
}

func (w *watcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for open := range w.open {
		open.end()
	}
	return nil
}

func (w *watcher) RequestProgress(ctx context.Context) error {
	for _, stream := range w.streams() {
		if _, err := stream.Call(ctx, method.WatchProgress, &bridgepb.Empty{}, nil); err != nil {
			return ContextError(ctx, err)
		}
	}
	return nil
}

func (w *watcher) streams() []*boundary.Object {
	w.mu.Lock()
	defer w.mu.Unlock()
	streams := make([]*boundary.Object, 0, len(w.open))
	for open := range w.open {
		if open.stream != nil {
			streams = append(streams, open.stream.Object())
		}
	}
	return streams
}

// run delivers until the watch or its context ends.
func (w *watch) run() {
	defer close(w.out)
	defer w.stream.Close()
	for {
		var message pb.WatchResponse
		if err := w.stream.Next(w.ctx, &message); err != nil {
			w.fail(err)
			return
		}
		response := WatchResponse{
			Header:          message.Header,
			Events:          message.Events,
			CompactRevision: message.CompactRevision,
			Canceled:        message.Canceled,
			Created:         message.Created,
			CancelReason:    message.CancelReason,
		}
		if response.Header == nil {
			response.Header = &pb.ResponseHeader{}
		}
		select {
		case w.out <- response:
		case <-w.ctx.Done():
			return
		}
		if response.Canceled {
			return
		}
	}
}

// fail tells why the watch ended, unless its user ended it.
func (w *watch) fail(err error) {
	if w.ctx.Err() != nil || errors.Is(err, io.EOF) || isClosed(err) {
		return
	}
	select {
	case w.out <- WatchResponse{Header: &pb.ResponseHeader{}, Canceled: true, err: err}:
	case <-w.ctx.Done():
	}
}
