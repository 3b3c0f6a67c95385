// Package mirror copies the keys below a prefix, first as they are and then as they change.
package mirror

import (
	"context"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

const (
	// pageSize is how many pairs one read returns: a page stays far below the largest response.
	pageSize = 1000
	// pagesAhead is how many pages may wait for the reader.
	pagesAhead = 16
)

// Syncer copies keys.
type Syncer interface {
	// SyncBase delivers the pairs as of one revision, in pages. Both channels are closed at the end; an error comes
	// through the second.
	SyncBase(ctx context.Context) (<-chan *clientv3.GetResponse, chan error)
	// SyncUpdates watches what changed after the revision of SyncBase, which comes first. Panics without a revision.
	SyncUpdates(ctx context.Context) clientv3.WatchChan
}

// NewSyncer copies the keys below a prefix, or all with an empty one, as of a revision, or the latest with 0.
func NewSyncer(c *clientv3.Client, prefix string, rev int64) Syncer {
	return &syncer{client: c, prefix: prefix, rev: rev}
}

type syncer struct {
	client *clientv3.Client
	prefix string
	rev    int64
}

func (s *syncer) SyncBase(ctx context.Context) (<-chan *clientv3.GetResponse, chan error) {
	pages, errs := make(chan *clientv3.GetResponse, pagesAhead), make(chan error, 1)
	if s.rev == 0 {
		if err := s.chooseRevision(ctx); err != nil {
			errs <- err
			close(pages)
			close(errs)
			return pages, errs
		}
	}
	go func() {
		defer close(errs)
		defer close(pages)
		if err := s.read(ctx, pages); err != nil {
			errs <- err
		}
	}()
	return pages, errs
}

func (s *syncer) chooseRevision(ctx context.Context) error {
	response, err := s.client.Get(ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	s.rev = response.Header.Revision
	return nil
}

func (s *syncer) read(ctx context.Context, pages chan<- *clientv3.GetResponse) error {
	key, end := s.prefix, clientv3.GetPrefixRangeEnd(s.prefix)
	if key == "" {
		key = "\x00"
	}
	for {
		page, err := s.client.Get(ctx, key, clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(s.rev))
		if err != nil {
			return err
		}
		select {
		case pages <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !page.More {
			return nil
		}
		key = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
}

func (s *syncer) SyncUpdates(ctx context.Context) clientv3.WatchChan {
	if s.rev == 0 {
		panic("unexpected revision = 0. Calling SyncUpdates before SyncBase finishes?")
	}
	return s.client.Watch(ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(s.rev+1))
}
