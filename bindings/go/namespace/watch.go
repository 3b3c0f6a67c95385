package namespace

import (
	"context"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

type watcher struct {
	clientv3.Watcher
	prefix prefix
}

// NewWatcher is a Watcher whose keys are below the prefix.
func NewWatcher(inner clientv3.Watcher, pfx string) clientv3.Watcher {
	return &watcher{inner, prefix(pfx)}
}

func (w *watcher) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	op := clientv3.OpWatch(key, opts...)
	first, end := w.prefix.rangeOf(op.KeyBytes(), op.RangeBytes())
	// Options cannot be taken apart, but the last one wins.
	ranged := append(opts[:len(opts):len(opts)], func(op *clientv3.Op) {
		op.WithKeyBytes(first)
		op.WithRangeBytes(end)
	})
	responses := w.Watcher.Watch(ctx, string(first), ranged...)
	stripped := make(chan clientv3.WatchResponse, 1)
	go func() {
		defer close(stripped)
		for response := range responses {
			for _, event := range response.Events {
				w.prefix.strip(event.Kv)
				w.prefix.strip(event.PrevKv)
			}
			select {
			case stripped <- response:
			case <-ctx.Done():
				return
			}
		}
	}()
	return stripped
}
