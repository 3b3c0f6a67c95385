package clientv3

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

type opKind int

const (
	rangeOp opKind = iota + 1
	putOp
	deleteOp
	txnOp
)

// Op is one operation on the keys, to be done by KV.Do or as part of a Txn.
type Op struct {
	kind     opKind
	key, end []byte
	value    []byte
	lease    LeaseID

	limit, rev                 int64
	minModRev, maxModRev       int64
	minCreateRev, maxCreateRev int64
	sort                       *SortOption

	serializable, keysOnly, countOnly      bool
	prevKV, ignoreValue, ignoreLease       bool
	fragment, progressNotify, created      bool
	filterPut, filterDelete, bufferLogging bool
	fromKey, prefix                        bool

	cmps             []Cmp
	thenOps, elseOps []Op
}

// IsTxn tells whether the operation is a transaction.
func (op Op) IsTxn() bool { return op.kind == txnOp }

// Txn is the comparisons and the two branches of a transaction.
func (op Op) Txn() ([]Cmp, []Op, []Op) { return op.cmps, op.thenOps, op.elseOps }

// KeyBytes is the key, or the first key of the range.
func (op Op) KeyBytes() []byte { return op.key }

// WithKeyBytes sets the key.
func (op *Op) WithKeyBytes(key []byte) { op.key = key }

// RangeBytes is the end of the range, which is not part of it; empty for a single key.
func (op Op) RangeBytes() []byte { return op.end }

// WithRangeBytes sets the end of the range.
func (op *Op) WithRangeBytes(end []byte) { op.end = end }

// ValueBytes is the value of a put.
func (op Op) ValueBytes() []byte { return op.value }

// WithValueBytes sets the value.
func (op *Op) WithValueBytes(v []byte) { op.value = v }

// Rev is the revision that WithRev set.
func (op Op) Rev() int64 { return op.rev }

// Limit is what WithLimit set.
func (op Op) Limit() int64 { return op.limit }

// IsPut tells whether the operation is a put.
func (op Op) IsPut() bool { return op.kind == putOp }

// IsGet tells whether the operation is a get.
func (op Op) IsGet() bool { return op.kind == rangeOp }

// IsDelete tells whether the operation is a delete.
func (op Op) IsDelete() bool { return op.kind == deleteOp }

// IsSerializable tells whether WithSerializable is set.
func (op Op) IsSerializable() bool { return op.serializable }

// IsKeysOnly tells whether WithKeysOnly is set.
func (op Op) IsKeysOnly() bool { return op.keysOnly }

// IsCountOnly tells whether WithCountOnly is set.
func (op Op) IsCountOnly() bool { return op.countOnly }

// IsSortSet tells whether WithSort is set.
func (op Op) IsSortSet() bool { return op.sort != nil }

// IsOptsWithFromKey tells whether WithFromKey is set.
func (op Op) IsOptsWithFromKey() bool { return op.fromKey }

// IsOptsWithPrefix tells whether WithPrefix is set.
func (op Op) IsOptsWithPrefix() bool { return op.prefix }

// IsPrevKV tells whether WithPrevKV is set.
func (op Op) IsPrevKV() bool { return op.prevKV }

// IsFragment tells whether WithFragment is set.
func (op Op) IsFragment() bool { return op.fragment }

// IsProgressNotify tells whether WithProgressNotify is set.
func (op Op) IsProgressNotify() bool { return op.progressNotify }

// IsCreatedNotify tells whether WithCreatedNotify is set.
func (op Op) IsCreatedNotify() bool { return op.created }

// IsFilterPut tells whether WithFilterPut is set.
func (op Op) IsFilterPut() bool { return op.filterPut }

// IsFilterDelete tells whether WithFilterDelete is set.
func (op Op) IsFilterDelete() bool { return op.filterDelete }

// MinModRev is what WithMinModRev set.
func (op Op) MinModRev() int64 { return op.minModRev }

// MaxModRev is what WithMaxModRev set.
func (op Op) MaxModRev() int64 { return op.maxModRev }

// MinCreateRev is what WithMinCreateRev set.
func (op Op) MinCreateRev() int64 { return op.minCreateRev }

// MaxCreateRev is what WithMaxCreateRev set.
func (op Op) MaxCreateRev() int64 { return op.maxCreateRev }

// IsSortOptionValid tells whether target and order of WithSort exist.
func (op Op) IsSortOptionValid() bool {
	if op.sort == nil {
		return true
	}
	_, order := pb.RangeRequest_SortOrder_name[int32(op.sort.Order)]
	_, target := pb.RangeRequest_SortTarget_name[int32(op.sort.Target)]
	return order && target
}

// NewOp is an operation of no kind, to try options on.
func NewOp() *Op { return &Op{key: []byte{}} }

// OpGet reads a key or a range. Panics when WithPrefix and WithFromKey are both given.
func OpGet(key string, opts ...OpOption) Op {
	refuseTwoRanges(opts)
	return newOp(rangeOp, key, opts)
}

// OpDelete deletes a key or a range. Panics on options that a delete does not have.
func OpDelete(key string, opts ...OpOption) Op {
	refuseTwoRanges(opts)
	op := newOp(deleteOp, key, opts)
	op.refuse("delete", op.lease != 0, "lease")
	op.refuseReading("delete")
	return op
}

// OpPut writes a key. Panics on options that a put does not have.
func OpPut(key, val string, opts ...OpOption) Op {
	op := newOp(putOp, key, opts)
	op.value = []byte(val)
	op.refuse("put", op.end != nil, "range")
	op.refuseReading("put")
	return op
}

// OpTxn is a transaction: thenOps when all comparisons hold, elseOps otherwise.
func OpTxn(cmps []Cmp, thenOps []Op, elseOps []Op) Op {
	cloned := make([]Cmp, len(cmps))
	for i := range cmps {
		cloned[i] = cmps[i].Clone()
	}
	return Op{kind: txnOp, cmps: cloned, thenOps: thenOps, elseOps: elseOps}
}

// OpWatch is what Watch watches. Panics on options that a watch does not have.
func OpWatch(key string, opts ...OpOption) Op {
	op := newOp(rangeOp, key, opts)
	op.refuse("watch", op.lease != 0, "lease")
	op.refuse("watch", op.limit != 0, "limit")
	op.refuse("watch", op.sort != nil, "sort")
	op.refuse("watch", op.serializable, "serializable")
	op.refuse("watch", op.countOnly, "countOnly")
	op.refuseRevisionFilters("watch")
	return op
}

func newOp(kind opKind, key string, opts []OpOption) Op {
	op := Op{kind: kind, key: []byte(key)}
	for _, opt := range opts {
		opt(&op)
	}
	return op
}

func refuseTwoRanges(opts []OpOption) {
	if len(opts) > 1 && IsOptsWithPrefix(opts) && IsOptsWithFromKey(opts) {
		panic("`WithPrefix` and `WithFromKey` cannot be set at the same time, choose one")
	}
}

func (op *Op) refuse(name string, given bool, what string) {
	if given {
		panic("unexpected " + what + " in " + name)
	}
}

func (op *Op) refuseReading(name string) {
	op.refuse(name, op.limit != 0, "limit")
	op.refuse(name, op.rev != 0, "revision")
	op.refuse(name, op.sort != nil, "sort")
	op.refuse(name, op.serializable, "serializable")
	op.refuse(name, op.countOnly, "countOnly")
	op.refuseRevisionFilters(name)
	op.refuse(name, op.filterDelete || op.filterPut, "filter")
	op.refuse(name, op.created, "createdNotify")
}

func (op *Op) refuseRevisionFilters(name string) {
	op.refuse(name, op.minModRev != 0 || op.maxModRev != 0, "mod revision filter")
	op.refuse(name, op.minCreateRev != 0 || op.maxCreateRev != 0, "create revision filter")
}

func (op *Op) rangeRequest() *pb.RangeRequest {
	request := &pb.RangeRequest{
		Key:               op.key,
		RangeEnd:          op.end,
		Limit:             op.limit,
		Revision:          op.rev,
		Serializable:      op.serializable,
		KeysOnly:          op.keysOnly,
		CountOnly:         op.countOnly,
		MinModRevision:    op.minModRev,
		MaxModRevision:    op.maxModRev,
		MinCreateRevision: op.minCreateRev,
		MaxCreateRevision: op.maxCreateRev,
	}
	if op.sort != nil {
		request.SortOrder = pb.RangeRequest_SortOrder(op.sort.Order)
		request.SortTarget = pb.RangeRequest_SortTarget(op.sort.Target)
	}
	return request
}

func (op *Op) putRequest() *pb.PutRequest {
	return &pb.PutRequest{
		Key:         op.key,
		Value:       op.value,
		Lease:       int64(op.lease),
		PrevKv:      op.prevKV,
		IgnoreValue: op.ignoreValue,
		IgnoreLease: op.ignoreLease,
	}
}

func (op *Op) deleteRequest() *pb.DeleteRangeRequest {
	return &pb.DeleteRangeRequest{Key: op.key, RangeEnd: op.end, PrevKv: op.prevKV}
}

func (op *Op) txnRequest() *pb.TxnRequest {
	return &pb.TxnRequest{Compare: compares(op.cmps), Success: requests(op.thenOps), Failure: requests(op.elseOps)}
}

func (op *Op) request() *pb.RequestOp {
	switch op.kind {
	case rangeOp:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: op.rangeRequest()}}
	case putOp:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: op.putRequest()}}
	case deleteOp:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: op.deleteRequest()}}
	case txnOp:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: op.txnRequest()}}
	default:
		panic("Unknown Op")
	}
}

func requests(ops []Op) []*pb.RequestOp {
	requests := make([]*pb.RequestOp, len(ops))
	for i := range ops {
		requests[i] = ops[i].request()
	}
	return requests
}
