package clientv3

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

type (
	// DefragmentResponse is the answer to Defragment.
	DefragmentResponse pb.DefragmentResponse
	// AlarmResponse is the answer to AlarmList and AlarmDisarm.
	AlarmResponse pb.AlarmResponse
	// AlarmMember is an alarm of a member.
	AlarmMember pb.AlarmMember
	// StatusResponse is the answer to Status.
	StatusResponse pb.StatusResponse
	// HashKVResponse is the answer to HashKV.
	HashKVResponse pb.HashKVResponse
	// MoveLeaderResponse is the answer to MoveLeader.
	MoveLeaderResponse pb.MoveLeaderResponse
	// DowngradeResponse is the answer to Downgrade.
	DowngradeResponse pb.DowngradeResponse

	// DowngradeAction is what Downgrade does.
	DowngradeAction pb.DowngradeRequest_DowngradeAction
)

// What Downgrade does.
const (
	DowngradeValidate = DowngradeAction(pb.DowngradeRequest_VALIDATE)
	DowngradeEnable   = DowngradeAction(pb.DowngradeRequest_ENABLE)
	DowngradeCancel   = DowngradeAction(pb.DowngradeRequest_CANCEL)
)

// Maintenance looks after the servers (etcdserverpb.Maintenance). Where a method takes an endpoint, that server alone
// is asked.
type Maintenance interface {
	// AlarmList lists the alarms.
	AlarmList(ctx context.Context) (*AlarmResponse, error)
	// AlarmDisarm ends an alarm; with an empty AlarmMember, all.
	AlarmDisarm(ctx context.Context, m *AlarmMember) (*AlarmResponse, error)
	// Defragment gives free space of a server's storage back to the file system. The server does nothing else meanwhile.
	Defragment(ctx context.Context, endpoint string) (*DefragmentResponse, error)
	// Status tells how a server is.
	Status(ctx context.Context, endpoint string) (*StatusResponse, error)
	// HashKV is a hash of a server's keys up to a revision, for comparing servers; rev 0 is the latest.
	HashKV(ctx context.Context, endpoint string, rev int64) (*HashKVResponse, error)
	// SnapshotWithVersion is Snapshot, with the version of the storage.
	SnapshotWithVersion(ctx context.Context) (*SnapshotResponse, error)
	// Snapshot is a copy of a server's storage as a file, followed by its SHA-256. Close it when it is read. Use a
	// client with one endpoint.
	Snapshot(ctx context.Context) (io.ReadCloser, error)
	// MoveLeader makes another member the leader. Only the leader does it: use a client with its endpoint.
	MoveLeader(ctx context.Context, transfereeID uint64) (*MoveLeaderResponse, error)
	// Downgrade prepares the cluster for an older version.
	Downgrade(ctx context.Context, action DowngradeAction, version string) (*DowngradeResponse, error)
}

// SnapshotResponse is the answer to SnapshotWithVersion.
type SnapshotResponse struct {
	Header *pb.ResponseHeader
	// Snapshot is the copy. Close it when it is read.
	Snapshot io.ReadCloser
	// Version of the storage, such as "3.7.0".
	Version string
}

type maintenance struct {
	remote  pb.MaintenanceClient
	at      func(endpoint string) pb.MaintenanceClient
	options []grpc.CallOption
}

// NewMaintenance is the maintenance service of a client.
func NewMaintenance(c *Client) Maintenance {
	at := func(endpoint string) pb.MaintenanceClient {
		return pb.NewMaintenanceClient(&remoteAt{client: c, endpoint: endpoint})
	}
	return &maintenance{remote: RetryMaintenanceClient(c, nil), at: at}
}

// NewMaintenanceFromMaintenanceClient is the maintenance service over any client of its RPCs, for all endpoints.
func NewMaintenanceFromMaintenanceClient(remote pb.MaintenanceClient, _ *Client) Maintenance {
	at := func(string) pb.MaintenanceClient { return remote }
	return &maintenance{remote: remote, at: at}
}

// remoteAt is the core as a gRPC connection to one endpoint.
type remoteAt struct {
	client   *Client
	endpoint string
}

func (r *remoteAt) Invoke(ctx context.Context, path string, request, response any, _ ...grpc.CallOption) error {
	number, known := method.ByPath(path)
	if !known {
		return unsupported(path)
	}
	core, err := r.client.core()
	if err != nil {
		return err
	}
	encoded, err := proto.Marshal(request.(proto.Message))
	if err != nil {
		return err
	}
	call := &bridgepb.EndpointCall{Endpoint: r.client.reachable(r.endpoint), Method: number, Request: encoded}
	_, err = core.Call(ctx, method.ClientCallAt, call, response.(proto.Message))
	return err
}

func (r *remoteAt) NewStream(_ context.Context, _ *grpc.StreamDesc, path string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, unsupported(path)
}

func (m *maintenance) AlarmList(ctx context.Context) (*AlarmResponse, error) {
	return m.alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_GET})
}

func (m *maintenance) AlarmDisarm(ctx context.Context, am *AlarmMember) (*AlarmResponse, error) {
	if am.MemberID != 0 || am.Alarm != pb.AlarmType_NONE {
		return m.alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: am.MemberID, Alarm: am.Alarm})
	}
	raised, err := m.AlarmList(ctx)
	if err != nil {
		return nil, err
	}
	disarmed := &AlarmResponse{}
	for _, one := range raised.Alarms {
		response, err := m.AlarmDisarm(ctx, (*AlarmMember)(one))
		if err != nil {
			return nil, err
		}
		disarmed.Alarms = append(disarmed.Alarms, response.Alarms...)
	}
	return disarmed, nil
}

func (m *maintenance) alarm(ctx context.Context, request *pb.AlarmRequest) (*AlarmResponse, error) {
	response, err := m.remote.Alarm(ctx, request, m.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*AlarmResponse)(response), nil
}

func (m *maintenance) Defragment(ctx context.Context, endpoint string) (*DefragmentResponse, error) {
	response, err := m.at(endpoint).Defragment(ctx, &pb.DefragmentRequest{}, m.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*DefragmentResponse)(response), nil
}

func (m *maintenance) Status(ctx context.Context, endpoint string) (*StatusResponse, error) {
	response, err := m.at(endpoint).Status(ctx, &pb.StatusRequest{}, m.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*StatusResponse)(response), nil
}

func (m *maintenance) HashKV(ctx context.Context, endpoint string, rev int64) (*HashKVResponse, error) {
	response, err := m.at(endpoint).HashKV(ctx, &pb.HashKVRequest{Revision: rev}, m.options...)
	if err != nil {
		return nil, ContextError(ctx, err)
	}
	return (*HashKVResponse)(response), nil
}

func (m *maintenance) MoveLeader(ctx context.Context, transfereeID uint64) (*MoveLeaderResponse, error) {
	response, err := m.remote.MoveLeader(ctx, &pb.MoveLeaderRequest{TargetID: transfereeID}, m.options...)
	return (*MoveLeaderResponse)(response), ContextError(ctx, err)
}

func (m *maintenance) Downgrade(ctx context.Context, action DowngradeAction, version string) (*DowngradeResponse, error) {
	if _, known := pb.DowngradeRequest_DowngradeAction_name[int32(action)]; !known {
		return nil, errors.New("etcdclient: unknown downgrade action")
	}
	request := &pb.DowngradeRequest{Action: pb.DowngradeRequest_DowngradeAction(action), Version: version}
	response, err := m.remote.Downgrade(ctx, request, m.options...)
	return (*DowngradeResponse)(response), ContextError(ctx, err)
}

func (m *maintenance) Snapshot(ctx context.Context) (io.ReadCloser, error) {
	return m.openSnapshot(ctx)
}

func (m *maintenance) SnapshotWithVersion(ctx context.Context) (*SnapshotResponse, error) {
	reader, err := m.openSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	// The first part tells the version.
	if err := reader.receive(); err != nil {
		reader.Close()
		return nil, ContextError(ctx, err)
	}
	return &SnapshotResponse{Header: reader.part.Header, Snapshot: reader, Version: reader.part.Version}, nil
}

func (m *maintenance) openSnapshot(ctx context.Context) (*snapshotReader, error) {
	ctx, end := context.WithCancel(ctx)
	stream, err := m.remote.Snapshot(ctx, &pb.SnapshotRequest{}, m.options...)
	if err != nil {
		end()
		return nil, ContextError(ctx, err)
	}
	return &snapshotReader{ctx: ctx, end: end, stream: stream}, nil
}

// snapshotReader reads the parts of a snapshot as one file, each when it is asked for.
type snapshotReader struct {
	ctx    context.Context
	end    context.CancelFunc
	stream pb.Maintenance_SnapshotClient
	part   *pb.SnapshotResponse
	rest   []byte
}

func (r *snapshotReader) receive() error {
	part, err := r.stream.Recv()
	if err != nil {
		return err
	}
	r.part, r.rest = part, part.Blob
	return nil
}

func (r *snapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.receive(); err != nil {
			return 0, ContextError(r.ctx, err)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *snapshotReader) Close() error {
	r.end()
	// What is asked for next fails, and with it the stream ends.
	_, _ = r.stream.Recv()
	return nil
}
