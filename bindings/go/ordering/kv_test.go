package ordering_test

import (
	"context"
	"errors"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/ordering"
)

// members answers each call with the revision of the next member.
type members struct {
	clientv3.KV
	revisions []int64
}

func (m *members) Do(_ context.Context, op clientv3.Op) (clientv3.OpResponse, error) {
	header := &pb.ResponseHeader{Revision: m.revisions[0]}
	m.revisions = m.revisions[1:]
	if op.IsTxn() {
		return (&clientv3.TxnResponse{Header: header}).OpResponse(), nil
	}
	return (&clientv3.GetResponse{Header: header}).OpResponse(), nil
}

func TestAnAnswerThatIsOlderThanTheOneBeforeIsAskedForAgain(t *testing.T) {
	ctx := context.Background()
	var violations []int64
	kv := ordering.NewKV(&members{revisions: []int64{5, 3, 4, 6, 2, 7}}, func(_ clientv3.Op, _ clientv3.OpResponse, before int64) error {
		violations = append(violations, before)
		return nil
	})
	for _, want := range []int64{5, 6} {
		if got, err := kv.Get(ctx, "a"); err != nil || got.Header.Revision != want {
			t.Errorf("got %v %v, want revision %d", got, err, want)
		}
	}
	if got, err := kv.Txn(ctx).Then(clientv3.OpGet("a")).Commit(); err != nil || got.Header.Revision != 7 {
		t.Errorf("a transaction: got %v %v", got, err)
	}
	if len(violations) != 3 || violations[0] != 5 || violations[2] != 6 {
		t.Errorf("told of %v", violations)
	}
}

func TestItIsGivenUpAtLast(t *testing.T) {
	client := clientv3.NewCtxClient(context.Background())
	kv := ordering.NewKV(&members{revisions: []int64{5, 1, 1, 1}}, ordering.NewOrderViolationSwitchEndpointClosure(client))
	if _, err := kv.Get(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Get(context.Background(), "a"); !errors.Is(err, ordering.ErrNoGreaterRev) {
		t.Errorf("got %v", err)
	}
}
