package recipe

import (
	"google.golang.org/protobuf/proto"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// Queue is a queue of many writers and readers: what was put in first comes out first, to one reader. Safe for use by
// many goroutines.
type Queue struct {
	client *clientv3.Client
	name   string
}

// NewQueue is the queue below a prefix.
func NewQueue(client *clientv3.Client, keyPrefix string) *Queue { return &Queue{client, keyPrefix} }

// Enqueue puts a value in.
func (q *Queue) Enqueue(val string) error {
	item := &bridgepb.QueueItem{Name: []byte(q.name), Value: []byte(val)}
	return call(q.client, method.QueueEnqueue, item, nil)
}

// Dequeue takes the oldest value out, and waits for one if there is none.
func (q *Queue) Dequeue() (string, error) {
	return dequeue(q.client, &bridgepb.QueueTake{Name: []byte(q.name)})
}

// PriorityQueue is a queue in which the value with the smallest number comes out first, and among equals the oldest.
type PriorityQueue struct {
	client *clientv3.Client
	name   string
}

// NewPriorityQueue is the queue below a key.
func NewPriorityQueue(client *clientv3.Client, key string) *PriorityQueue {
	return &PriorityQueue{client, key}
}

// Enqueue puts a value in.
func (q *PriorityQueue) Enqueue(val string, pr uint16) error {
	item := &bridgepb.QueueItem{Name: []byte(q.name), Value: []byte(val), Priority: proto.Uint32(uint32(pr))}
	return call(q.client, method.QueueEnqueue, item, nil)
}

// Dequeue takes the first value out, and waits for one if there is none.
func (q *PriorityQueue) Dequeue() (string, error) {
	return dequeue(q.client, &bridgepb.QueueTake{Name: []byte(q.name), ByPriority: true})
}

func dequeue(client *clientv3.Client, request *bridgepb.QueueTake) (string, error) {
	var taken bridgepb.QueueTaken
	err := call(client, method.QueueDequeue, request, &taken)
	return string(taken.Value), err
}
