package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// seen collects the next events of a watch, in words, and lets something happen after each.
func seen(events clientv3.WatchChan, wanted int, after func(*clientv3.Event) error) (string, error) {
	var texts []string
	for response := range events {
		if err := response.Err(); err != nil {
			return "", err
		}
		for _, event := range response.Events {
			texts = append(texts, describe(event))
			if after != nil {
				if err := after(event); err != nil {
					return "", err
				}
			}
		}
		if len(texts) >= wanted {
			return strings.Join(texts[:wanted], ", "), nil
		}
	}
	return "", fmt.Errorf("the watch ended after %q", texts)
}

func describe(event *clientv3.Event) string {
	if event.Type == clientv3.EventTypeDelete {
		return fmt.Sprintf("DELETE %s", event.Kv.Key)
	}
	return fmt.Sprintf("PUT %s=%s", event.Kv.Key, event.Kv.Value)
}

func lease(ctx context.Context, t *tour) (string, error) {
	granted, err := t.Grant(ctx, 120)
	if err != nil {
		return "", err
	}
	if err := t.put(ctx, "/lskey/key1", "will be delete", clientv3.WithLease(granted.ID)); err != nil {
		return "", err
	}
	info, err := t.TimeToLive(ctx, granted.ID, clientv3.WithAttachedKeys())
	if err != nil {
		return "", err
	}
	kept, err := t.KeepAliveOnce(ctx, granted.ID)
	if err != nil {
		return "", err
	}
	if _, err := t.Revoke(ctx, granted.ID); err != nil {
		return "", err
	}
	left, err := t.count(ctx, "/lskey/key1")
	return fmt.Sprintf("granted %ds, keys %s, kept alive for %ds, keys left after revoke: %d",
		info.GrantedTTL, info.Keys[0], kept.TTL, left), err
}

func leaseExpiry(ctx context.Context, t *tour) (string, error) {
	const key = "/service/worker"
	register := func(life string, ttl int64) error {
		granted, err := t.Grant(ctx, ttl)
		if err != nil {
			return err
		}
		return t.put(ctx, key, life, clientv3.WithLease(granted.ID))
	}
	events := t.Watch(ctx, key)
	if err := register("first life", 2); err != nil {
		return "", err
	}
	return seen(events, 3, func(event *clientv3.Event) error {
		if event.Type != clientv3.EventTypeDelete {
			return nil
		}
		// The lease expired: grant another and register again.
		return register("second life", 60)
	})
}

func watchPrefix(ctx context.Context, t *tour) (string, error) {
	events := t.Watch(ctx, "stock", clientv3.WithPrefix())
	if err := t.put(ctx, "stock1", "10"); err != nil {
		return "", err
	}
	if err := t.put(ctx, "stock2", "20"); err != nil {
		return "", err
	}
	if _, err := t.Delete(ctx, "stock1"); err != nil {
		return "", err
	}
	return seen(events, 3, nil)
}

func watchHistory(ctx context.Context, t *tour) (string, error) {
	first, err := t.Put(ctx, "tour-history", "1")
	if err != nil {
		return "", err
	}
	if err := t.put(ctx, "tour-history", "2"); err != nil {
		return "", err
	}
	return seen(t.Watch(ctx, "tour-history", clientv3.WithRev(first.Header.Revision)), 2, nil)
}

func configuration(ctx context.Context, t *tour) (string, error) {
	for key, value := range map[string]string{"timeout": "30", "retries": "3"} {
		if err := t.put(ctx, "/config/"+key, value); err != nil {
			return "", err
		}
	}
	response, err := t.Get(ctx, "/config/", clientv3.WithPrefix())
	if err != nil {
		return "", err
	}
	var config []string
	for _, kv := range response.Kvs {
		config = append(config, fmt.Sprintf("%s=%s", strings.TrimPrefix(string(kv.Key), "/config/"), kv.Value))
	}
	sort.Strings(config)
	events := t.Watch(ctx, "/config/", clientv3.WithPrefix(), clientv3.WithRev(response.Header.Revision+1))
	if err := t.put(ctx, "/config/timeout", "60"); err != nil {
		return "", err
	}
	changed, err := seen(events, 1, nil)
	return fmt.Sprintf("loaded %s; %s", strings.Join(config, " "), changed), err
}
