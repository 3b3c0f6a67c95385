package boundary

import (
	"context"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// Stream reads the items of a stream of the core, a batch at a time. For one goroutine at a time, except Close.
type Stream struct {
	object *Object
	items  [][]byte
	ended  bool
}

// NewStream reads a stream that a call made.
func NewStream(object *Object) *Stream { return &Stream{object: object} }

// Object is what the stream is in the core.
func (s *Stream) Object() *Object { return s.object }

// Close ends the stream.
func (s *Stream) Close() { s.object.Close() }

// Next waits for the next item and decodes it into message. io.EOF tells the end.
func (s *Stream) Next(ctx context.Context, message proto.Message) error {
	for len(s.items) == 0 {
		if s.ended {
			return io.EOF
		}
		var batch bridgepb.StreamBatch
		if _, err := s.object.Call(ctx, method.StreamNext, &bridgepb.StreamNext{}, &batch); err != nil {
			return err
		}
		s.items, s.ended = batch.Items, batch.End
	}
	item := s.items[0]
	s.items[0] = nil
	s.items = s.items[1:]
	if err := proto.Unmarshal(item, message); err != nil {
		return badMessage("item", err)
	}
	return nil
}
