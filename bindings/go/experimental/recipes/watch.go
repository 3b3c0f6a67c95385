package recipe

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// WaitEvents waits until a key has seen events of these kinds, in this order, and returns the last of them.
func WaitEvents(c *clientv3.Client, key string, rev int64, evs []mvccpb.Event_EventType) (*clientv3.Event, error) {
	return waitEvents(c, key, evs, clientv3.WithRev(rev))
}

// WaitPrefixEvents is WaitEvents for all keys below a prefix.
func WaitPrefixEvents(c *clientv3.Client, prefix string, rev int64, evs []mvccpb.Event_EventType) (*clientv3.Event, error) {
	return waitEvents(c, prefix, evs, clientv3.WithPrefix(), clientv3.WithRev(rev))
}

func waitEvents(c *clientv3.Client, key string, evs []mvccpb.Event_EventType, opts ...clientv3.OpOption) (*clientv3.Event, error) {
	ctx, cancel := context.WithCancel(c.Ctx())
	defer cancel()
	events := c.Watch(ctx, key, opts...)
	if events == nil {
		return nil, ErrNoWatcher
	}
	seen := 0
	for response := range events {
		if err := response.Err(); err != nil {
			return nil, err
		}
		for _, event := range response.Events {
			if event.Type != evs[seen] {
				continue
			}
			if seen++; seen == len(evs) {
				return event, nil
			}
		}
	}
	return nil, ctx.Err()
}
