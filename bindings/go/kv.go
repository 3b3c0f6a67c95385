package clientv3

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

type (
	// CompactResponse is the answer to Compact.
	CompactResponse pb.CompactionResponse
	// PutResponse is the answer to Put.
	PutResponse pb.PutResponse
	// GetResponse is the answer to Get.
	GetResponse pb.RangeResponse
	// GetStreamChan is the answer to GetStream.
	GetStreamChan <-chan RangeStreamResponse
	// DeleteResponse is the answer to Delete.
	DeleteResponse pb.DeleteRangeResponse
	// TxnResponse is the answer to a transaction.
	TxnResponse pb.TxnResponse
)

// KV reads and writes keys (etcdserverpb.KV).
type KV interface {
	// Put writes a key.
	Put(ctx context.Context, key, val string, opts ...OpOption) (*PutResponse, error)
	// Get reads the key, or with WithRange, WithPrefix or WithFromKey a range of keys. A key that does not exist is no
	// error: there is no pair then. Fails with rpctypes.ErrCompacted when WithRev asks for a compacted revision.
	Get(ctx context.Context, key string, opts ...OpOption) (*GetResponse, error)
	// GetStream is Get in parts, for large ranges. The channel closes at the end, after a response with Err where it
	// failed. End the context to stop earlier.
	GetStream(ctx context.Context, key string, opts ...OpOption) (GetStreamChan, error)
	// Delete deletes the key, or a range of keys.
	Delete(ctx context.Context, key string, opts ...OpOption) (*DeleteResponse, error)
	// Compact forgets the history before a revision.
	Compact(ctx context.Context, rev int64, opts ...CompactOption) (*CompactResponse, error)
	// Do does an operation that was made earlier.
	Do(ctx context.Context, op Op) (OpResponse, error)
	// Txn begins a transaction.
	Txn(ctx context.Context) Txn
}

// RangeStreamResponse is a part of the answer to GetStream.
type RangeStreamResponse struct {
	*pb.RangeResponse
	err error
}

// Err tells why the stream ended early.
func (r *RangeStreamResponse) Err() error { return r.err }

// GetStreamToGetResponse reads a stream to its end.
func GetStreamToGetResponse(stream GetStreamChan) (*GetResponse, error) {
	whole := &pb.RangeResponse{}
	for part := range stream {
		if part.err != nil {
			return nil, part.err
		}
		proto.Merge(whole, part.RangeResponse)
	}
	return (*GetResponse)(whole), nil
}

// OpResponse is the answer to Do: that of the operation's kind is set.
type OpResponse struct {
	put *PutResponse
	get *GetResponse
	del *DeleteResponse
	txn *TxnResponse
}

// Put is the answer to a put, or nil.
func (op OpResponse) Put() *PutResponse { return op.put }

// Get is the answer to a get, or nil.
func (op OpResponse) Get() *GetResponse { return op.get }

// Del is the answer to a delete, or nil.
func (op OpResponse) Del() *DeleteResponse { return op.del }

// Txn is the answer to a transaction, or nil.
func (op OpResponse) Txn() *TxnResponse { return op.txn }

// OpResponse is the answer as that of Do.
func (resp *PutResponse) OpResponse() OpResponse { return OpResponse{put: resp} }

// OpResponse is the answer as that of Do.
func (resp *GetResponse) OpResponse() OpResponse { return OpResponse{get: resp} }

// OpResponse is the answer as that of Do.
func (resp *DeleteResponse) OpResponse() OpResponse { return OpResponse{del: resp} }

// OpResponse is the answer as that of Do.
func (resp *TxnResponse) OpResponse() OpResponse { return OpResponse{txn: resp} }

type kv struct {
	remote  pb.KVClient
	options []grpc.CallOption
}

// NewKV is the KV service of a client, without what was put around Client.KV.
func NewKV(c *Client) KV { return NewKVFromKVClient(RetryKVClient(c), c) }

// NewKVFromKVClient is the KV service over any client of its RPCs.
func NewKVFromKVClient(remote pb.KVClient, _ *Client) KV { return &kv{remote: remote} }

func (kv *kv) Put(ctx context.Context, key, val string, opts ...OpOption) (*PutResponse, error) {
	response, err := kv.Do(ctx, OpPut(key, val, opts...))
	return response.put, err
}

func (kv *kv) Get(ctx context.Context, key string, opts ...OpOption) (*GetResponse, error) {
	response, err := kv.Do(ctx, OpGet(key, opts...))
	return response.get, err
}

func (kv *kv) Delete(ctx context.Context, key string, opts ...OpOption) (*DeleteResponse, error) {
	response, err := kv.Do(ctx, OpDelete(key, opts...))
	return response.del, err
}

func (kv *kv) Compact(ctx context.Context, rev int64, opts ...CompactOption) (*CompactResponse, error) {
	response, err := kv.remote.Compact(ctx, OpCompact(rev, opts...).request(), kv.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*CompactResponse)(response), nil
}

func (kv *kv) Txn(ctx context.Context) Txn { return &txn{kv: kv, ctx: ctx} }

func (kv *kv) Do(ctx context.Context, op Op) (OpResponse, error) {
	response, err := kv.do(ctx, &op)
	if err != nil {
		return OpResponse{}, ContextError(ctx, err)
	}
	return response, nil
}

func (kv *kv) do(ctx context.Context, op *Op) (OpResponse, error) {
	switch op.kind {
	case rangeOp:
		if !op.IsSortOptionValid() {
			return OpResponse{}, rpctypes.ErrInvalidSortOption
		}
		response, err := kv.remote.Range(ctx, op.rangeRequest(), kv.options...)
		return OpResponse{get: (*GetResponse)(response)}, err
	case putOp:
		response, err := kv.remote.Put(ctx, op.putRequest(), kv.options...)
		return OpResponse{put: (*PutResponse)(response)}, err
	case deleteOp:
		response, err := kv.remote.DeleteRange(ctx, op.deleteRequest(), kv.options...)
		return OpResponse{del: (*DeleteResponse)(response)}, err
	case txnOp:
		response, err := kv.remote.Txn(ctx, op.txnRequest(), kv.options...)
		return OpResponse{txn: (*TxnResponse)(response)}, err
	default:
		panic("Unknown op")
	}
}

func (kv *kv) GetStream(ctx context.Context, key string, opts ...OpOption) (GetStreamChan, error) {
	op := OpGet(key, opts...)
	stream, err := kv.remote.RangeStream(ctx, op.rangeRequest(), kv.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	parts := make(chan RangeStreamResponse, 1)
	go func() {
		defer close(parts)
		for {
			part := RangeStreamResponse{}
			received, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			part.RangeResponse, part.err = received.GetRangeResponse(), ContextError(ctx, err)
			select {
			case parts <- part:
			case <-ctx.Done():
				// Room for the last word of a stream whose reader may have gone.
				select {
				case parts <- RangeStreamResponse{err: ctx.Err()}:
				default:
				}
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return parts, nil
}
