package clientv3

import (
	"context"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
)

type (
	// Member is a server of the cluster.
	Member pb.Member
	// MemberListResponse is the answer to MemberList.
	MemberListResponse pb.MemberListResponse
	// MemberAddResponse is the answer to MemberAdd.
	MemberAddResponse pb.MemberAddResponse
	// MemberRemoveResponse is the answer to MemberRemove.
	MemberRemoveResponse pb.MemberRemoveResponse
	// MemberUpdateResponse is the answer to MemberUpdate.
	MemberUpdateResponse pb.MemberUpdateResponse
	// MemberPromoteResponse is the answer to MemberPromote.
	MemberPromoteResponse pb.MemberPromoteResponse
)

// Cluster tells and changes the members (etcdserverpb.Cluster).
type Cluster interface {
	// MemberList lists the members. WithSerializable asks one member for what it knows.
	MemberList(ctx context.Context, opts ...OpOption) (*MemberListResponse, error)
	// MemberAdd adds a member that votes.
	MemberAdd(ctx context.Context, peerAddrs []string) (*MemberAddResponse, error)
	// MemberAddAsLearner adds a member that does not vote yet.
	MemberAddAsLearner(ctx context.Context, peerAddrs []string) (*MemberAddResponse, error)
	// MemberRemove removes a member.
	MemberRemove(ctx context.Context, id uint64) (*MemberRemoveResponse, error)
	// MemberUpdate changes the peer URLs of a member.
	MemberUpdate(ctx context.Context, id uint64, peerAddrs []string) (*MemberUpdateResponse, error)
	// MemberPromote makes a learner vote.
	MemberPromote(ctx context.Context, id uint64) (*MemberPromoteResponse, error)
}

type cluster struct {
	remote  pb.ClusterClient
	options []grpc.CallOption
}

// NewCluster is the cluster service of a client.
func NewCluster(c *Client) Cluster { return NewClusterFromClusterClient(RetryClusterClient(c), c) }

// NewClusterFromClusterClient is the cluster service over any client of its RPCs.
func NewClusterFromClusterClient(remote pb.ClusterClient, _ *Client) Cluster {
	return &cluster{remote: remote}
}

func (c *cluster) MemberList(ctx context.Context, opts ...OpOption) (*MemberListResponse, error) {
	request := &pb.MemberListRequest{Linearizable: !applied(opts).serializable}
	response, err := c.remote.MemberList(ctx, request, c.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*MemberListResponse)(response), nil
}

func (c *cluster) MemberAdd(ctx context.Context, peerAddrs []string) (*MemberAddResponse, error) {
	return c.add(ctx, &pb.MemberAddRequest{PeerURLs: peerAddrs})
}

func (c *cluster) MemberAddAsLearner(ctx context.Context, peerAddrs []string) (*MemberAddResponse, error) {
	return c.add(ctx, &pb.MemberAddRequest{PeerURLs: peerAddrs, IsLearner: true})
}

func (c *cluster) add(ctx context.Context, request *pb.MemberAddRequest) (*MemberAddResponse, error) {
	if _, err := types.NewURLs(request.PeerURLs); err != nil {
		return nil, err
	}
	response, err := c.remote.MemberAdd(ctx, request, c.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*MemberAddResponse)(response), nil
}

func (c *cluster) MemberRemove(ctx context.Context, id uint64) (*MemberRemoveResponse, error) {
	response, err := c.remote.MemberRemove(ctx, &pb.MemberRemoveRequest{ID: id}, c.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*MemberRemoveResponse)(response), nil
}

func (c *cluster) MemberUpdate(ctx context.Context, id uint64, peerAddrs []string) (*MemberUpdateResponse, error) {
	if _, err := types.NewURLs(peerAddrs); err != nil {
		return nil, err
	}
	response, err := c.remote.MemberUpdate(ctx, &pb.MemberUpdateRequest{ID: id, PeerURLs: peerAddrs}, c.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*MemberUpdateResponse)(response), nil
}

func (c *cluster) MemberPromote(ctx context.Context, id uint64) (*MemberPromoteResponse, error) {
	response, err := c.remote.MemberPromote(ctx, &pb.MemberPromoteRequest{ID: id}, c.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*MemberPromoteResponse)(response), nil
}
