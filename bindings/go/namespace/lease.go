package namespace

import (
	"context"
	"strings"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

type lease struct {
	clientv3.Lease
	prefix prefix
}

// NewLease is a Lease that lists keys below the prefix only.
func NewLease(inner clientv3.Lease, pfx string) clientv3.Lease { return &lease{inner, prefix(pfx)} }

func (l *lease) TimeToLive(ctx context.Context, id clientv3.LeaseID, opts ...clientv3.LeaseOption) (*clientv3.LeaseTimeToLiveResponse, error) {
	response, err := l.Lease.TimeToLive(ctx, id, opts...)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for _, key := range response.Keys {
		if below, ours := strings.CutPrefix(string(key), string(l.prefix)); ours {
			keys = append(keys, []byte(below))
		}
	}
	response.Keys = keys
	return response, nil
}
