package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.etcd.io/etcd/api/v3/mvccpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// record is an endpoint as it is stored; the names are those of grpc-go's resolvers.
type record struct {
	Op       Operation
	Addr     string
	Metadata any
}

type manager struct {
	client *clientv3.Client
	target string
}

// NewManager is the Manager of the service target.
func NewManager(client *clientv3.Client, target string) (Manager, error) {
	if client == nil {
		return nil, errors.New("invalid etcd client")
	}
	if target == "" {
		return nil, errors.New("invalid target")
	}
	return &manager{client, target}, nil
}

func (m *manager) prefix() string { return m.target + "/" }

func (m *manager) Update(ctx context.Context, updates []*UpdateWithOpts) error {
	ops := make([]clientv3.Op, len(updates))
	for i, update := range updates {
		op, err := m.op(update)
		if err != nil {
			return err
		}
		ops[i] = op
	}
	_, err := m.client.KV.Txn(ctx).Then(ops...).Commit()
	return err
}

func (m *manager) op(update *UpdateWithOpts) (clientv3.Op, error) {
	if !strings.HasPrefix(update.Key, m.prefix()) {
		return clientv3.Op{}, status.Errorf(codes.InvalidArgument, "endpoints: endpoint key should be prefixed with '%s' got: '%s'", m.prefix(), update.Key)
	}
	switch update.Op {
	case Add:
		stored, err := json.Marshal(record{Op: Add, Addr: update.Endpoint.Addr, Metadata: update.Endpoint.Metadata})
		if err != nil {
			return clientv3.Op{}, status.Error(codes.InvalidArgument, err.Error())
		}
		return clientv3.OpPut(update.Key, string(stored), update.Opts...), nil
	case Delete:
		return clientv3.OpDelete(update.Key, update.Opts...), nil
	default:
		return clientv3.Op{}, status.Error(codes.InvalidArgument, "endpoints: bad update op")
	}
}

func (m *manager) AddEndpoint(ctx context.Context, key string, endpoint Endpoint, opts ...clientv3.OpOption) error {
	return m.Update(ctx, []*UpdateWithOpts{NewAddUpdateOpts(key, endpoint, opts...)})
}

func (m *manager) DeleteEndpoint(ctx context.Context, key string, opts ...clientv3.OpOption) error {
	return m.Update(ctx, []*UpdateWithOpts{NewDeleteUpdateOpts(key, opts...)})
}

func (m *manager) List(ctx context.Context) (Key2EndpointMap, error) {
	response, err := m.get(ctx)
	if err != nil {
		return nil, err
	}
	found := make(Key2EndpointMap)
	for _, pair := range response.Kvs {
		if update, ok := m.read(pair); ok {
			found[update.Key] = update.Endpoint
		}
	}
	return found, nil
}

func (m *manager) NewWatchChannel(ctx context.Context) (WatchChannel, error) {
	response, err := m.get(ctx)
	if err != nil {
		return nil, err
	}
	var there []*Update
	for _, pair := range response.Kvs {
		if update, ok := m.read(pair); ok {
			there = append(there, update)
		}
	}
	updates := make(chan []*Update, 1)
	if len(there) > 0 {
		updates <- there
	}
	go m.watch(ctx, response.Header.Revision+1, updates)
	return updates, nil
}

func (m *manager) get(ctx context.Context) (*clientv3.GetResponse, error) {
	return m.client.Get(ctx, m.prefix(), clientv3.WithPrefix(), clientv3.WithSerializable())
}

func (m *manager) watch(ctx context.Context, revision int64, updates chan<- []*Update) {
	defer close(updates)
	for response := range m.client.Watch(ctx, m.prefix(), clientv3.WithRev(revision), clientv3.WithPrefix()) {
		if err := response.Err(); err != nil {
			m.client.GetLogger().Warn("watch failed", zap.String("target", m.target), zap.Error(err))
			return
		}
		var changes []*Update
		for _, event := range response.Events {
			if event.Type == clientv3.EventTypeDelete {
				changes = append(changes, &Update{Op: Delete, Key: string(event.Kv.Key)})
			} else if update, ok := m.read(event.Kv); ok {
				changes = append(changes, update)
			}
		}
		if len(changes) == 0 {
			continue
		}
		select {
		case updates <- changes:
		case <-ctx.Done():
			return
		}
	}
}

// read takes what others wrote; what is no endpoint is left out.
func (m *manager) read(pair *mvccpb.KeyValue) (*Update, bool) {
	var stored record
	if err := json.Unmarshal(pair.Value, &stored); err != nil {
		m.client.GetLogger().Warn("not an endpoint", zap.String("key", string(pair.Key)), zap.Error(err))
		return nil, false
	}
	return &Update{Add, string(pair.Key), Endpoint{stored.Addr, stored.Metadata}}, true
}
