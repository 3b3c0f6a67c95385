package clientv3

import (
	"context"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// remote is the core as a gRPC connection: what the generated clients of etcd's API, and so all services here, call.
// Unary calls pass through the core untouched. Of the streams it has those on which only the server speaks; watches
// and keep-alives, which the core does itself, are at Client.Watch and Client.KeepAlive.
type remote struct{ client *Client }

var _ grpc.ClientConnInterface = (*remote)(nil)

// Connection is the client's core as a gRPC connection, for the generated clients of etcd's API, such as
// v3lockpb.NewLockClient. Call options are without effect.
func (c *Client) Connection() grpc.ClientConnInterface { return &remote{c} }

// WithRequireLeader makes the calls under the context fail at once, with rpctypes.ErrNoLeader, where the cluster has
// no leader. Watches and keep-alives always do.
func WithRequireLeader(ctx context.Context) context.Context {
	headers, _ := metadata.FromOutgoingContext(ctx)
	headers = headers.Copy()
	if headers == nil {
		headers = metadata.MD{}
	}
	headers.Set(rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
	return metadata.NewOutgoingContext(ctx, headers)
}

func requiresLeader(ctx context.Context) bool {
	headers, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		return false
	}
	values := headers.Get(rpctypes.MetadataRequireLeaderKey)
	return len(values) > 0 && values[0] == rpctypes.MetadataHasLeader
}

func (r *remote) Invoke(ctx context.Context, path string, request, response any, _ ...grpc.CallOption) error {
	number, known := method.ByPath(path)
	if !known {
		return unsupported(path)
	}
	core, err := r.client.coreFor(ctx)
	if err != nil {
		return err
	}
	_, err = core.Call(ctx, number, request.(proto.Message), response.(proto.Message))
	return err
}

// serverStreams are the methods on which only the server streams.
var serverStreams = map[string]uint32{
	pb.Maintenance_Snapshot_FullMethodName: method.Snapshot,
	pb.KV_RangeStream_FullMethodName:       method.RangeStream,
	"/v3electionpb.Election/Observe":       method.ElectionObserve,
}

func (r *remote) NewStream(ctx context.Context, _ *grpc.StreamDesc, path string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	number, known := serverStreams[path]
	if !known {
		return nil, unsupported(path)
	}
	core, err := r.client.coreFor(ctx)
	if err != nil {
		return nil, err
	}
	return &serverStream{ctx: ctx, core: core, method: number}, nil
}

func unsupported(path string) error {
	return status.Error(codes.Unimplemented, fmt.Sprintf("%s cannot be called over the core's connection: use the methods of Client", path))
}

// serverStream is one request and a stream of responses.
type serverStream struct {
	ctx    context.Context
	core   *boundary.Object
	method uint32
	stream *boundary.Stream
}

func (s *serverStream) Header() (metadata.MD, error) { return nil, nil }
func (s *serverStream) Trailer() metadata.MD         { return nil }
func (s *serverStream) CloseSend() error             { return nil }
func (s *serverStream) Context() context.Context     { return s.ctx }

func (s *serverStream) SendMsg(request any) error {
	opened, err := s.core.Call(s.ctx, s.method, request.(proto.Message), nil)
	if err != nil {
		return err
	}
	s.stream = boundary.NewStream(opened)
	return nil
}

func (s *serverStream) RecvMsg(response any) error {
	if s.stream == nil {
		return status.Error(codes.Internal, "a response was asked for before the request was sent")
	}
	err := s.stream.Next(s.ctx, response.(proto.Message))
	if err != nil {
		s.stream.Close()
	}
	if err == io.EOF {
		return io.EOF
	}
	return err
}
