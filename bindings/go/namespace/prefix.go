package namespace

import (
	"bytes"

	"go.etcd.io/etcd/api/v3/mvccpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// prefix goes before every key.
type prefix string

// rangeOf is a key or range below the prefix. A range to the end of all keys ends with the prefix's own keys.
func (p prefix) rangeOf(key, end []byte) ([]byte, []byte) {
	first := append([]byte(p), key...)
	switch {
	case len(end) == 0:
		return first, nil
	case bytes.Equal(end, []byte{0}):
		return first, []byte(clientv3.GetPrefixRangeEnd(string(p)))
	default:
		return first, append([]byte(p), end...)
	}
}

func (p prefix) op(op clientv3.Op) clientv3.Op {
	if op.IsTxn() {
		cmps, thenOps, elseOps := op.Txn()
		return clientv3.OpTxn(p.cmps(cmps), p.ops(thenOps), p.ops(elseOps))
	}
	key, end := p.rangeOf(op.KeyBytes(), op.RangeBytes())
	op.WithKeyBytes(key)
	op.WithRangeBytes(end)
	return op
}

func (p prefix) ops(ops []clientv3.Op) []clientv3.Op {
	below := make([]clientv3.Op, len(ops))
	for i := range ops {
		below[i] = p.op(ops[i])
	}
	return below
}

func (p prefix) cmps(cmps []clientv3.Cmp) []clientv3.Cmp {
	below := make([]clientv3.Cmp, len(cmps))
	for i := range cmps {
		below[i] = cmps[i].Clone()
		message := below[i].GetCompare()
		message.Key, message.RangeEnd = p.rangeOf(message.Key, message.RangeEnd)
	}
	return below
}

// strip takes the prefix off a pair of the server.
func (p prefix) strip(pair *mvccpb.KeyValue) {
	if pair != nil {
		pair.Key = bytes.TrimPrefix(pair.Key, []byte(p))
	}
}
