package main

import (
	"context"
	"errors"
	"fmt"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// watch answers when the watch is there, and then tells what it sees.
func (d *driver) watch(ctx context.Context, client *connection, request *line) (answer, error) {
	options := append(ranged(request), clientv3.WithCreatedNotify())
	if request.has("from") {
		options = append(options, clientv3.WithRev(request.number("from")))
	}
	options = append(options, flags(request, map[string]clientv3.OpOption{
		"prev":     clientv3.WithPrevKV(),
		"noput":    clientv3.WithFilterPut(),
		"nodelete": clientv3.WithFilterDelete(),
		"fragment": clientv3.WithFragment(),
	})...)
	responses := client.Watch(ctx, request.data("key"), options...)
	first, open := <-responses
	switch {
	case !open:
		return nil, errors.New("the watch ended at once")
	case first.Err() != nil:
		return nil, first.Err()
	}
	// The answer to the request comes before its events.
	d.tell(request.id, "ok", answer{}.with("rev", first.Header.Revision))
	batch := 0
	for response := range responses {
		batch++
		d.tellWatch(request.id, batch, &response)
	}
	d.tell(request.id, "end", nil)
	return nil, nil
}

func (d *driver) tellWatch(id uint64, batch int, response *clientv3.WatchResponse) {
	if response.Canceled {
		told := answer{}.with("compact", response.CompactRevision)
		if response.CompactRevision == 0 {
			told = told.bytes("reason", []byte(response.Err().Error()))
		}
		d.tell(id, "canceled", told)
		return
	}
	for _, event := range response.Events {
		told := answer{}.with("rev", response.Header.Revision).with("batch", batch).with("type", fmt.Sprint(event.Type))
		d.tell(id, "event", told.pairs("kv", event.Kv).pairs("prev", event.PrevKv))
	}
}
