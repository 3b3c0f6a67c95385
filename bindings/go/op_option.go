package clientv3

import pb "go.etcd.io/etcd/api/v3/etcdserverpb"

// OpOption changes an operation.
type OpOption func(*Op)

// allKeys as the end of a range is the end of all keys.
const allKeys = "\x00"

// WithLease attaches the key of a put to a lease.
func WithLease(leaseID LeaseID) OpOption { return func(op *Op) { op.lease = leaseID } }

// WithLimit bounds the pairs that a get returns. 0: no bound.
func WithLimit(n int64) OpOption { return func(op *Op) { op.limit = n } }

// WithRev reads as of a revision, or starts a watch at one.
func WithRev(rev int64) OpOption { return func(op *Op) { op.rev = rev } }

// WithSort orders the pairs of a get.
func WithSort(target SortTarget, order SortOrder) OpOption {
	return func(op *Op) {
		if target == SortByKey && order == SortAscend {
			// The server's own order, for which it need not sort.
			order = SortNone
		}
		op.sort = &SortOption{target, order}
	}
}

// GetPrefixRangeEnd is the end of the range of all keys with a prefix.
func GetPrefixRangeEnd(prefix string) string { return string(prefixEnd([]byte(prefix))) }

// prefixEnd is the first key behind all keys with the prefix: its last byte that can grow grows, and what is behind
// that byte goes. A prefix of 0xff alone has no such key.
func prefixEnd(prefix []byte) []byte {
	for last := len(prefix) - 1; last >= 0; last-- {
		if prefix[last] == 0xff {
			continue
		}
		end := append([]byte(nil), prefix[:last+1]...)
		end[last]++
		return end
	}
	return []byte(allKeys)
}

// WithPrefix takes all keys that start with the key; with an empty key, all keys.
func WithPrefix() OpOption {
	return func(op *Op) {
		op.prefix = true
		if len(op.key) == 0 {
			op.key, op.end = []byte(allKeys), []byte(allKeys)
			return
		}
		op.end = prefixEnd(op.key)
	}
}

// WithRange takes the keys from the key up to, not including, endKey.
func WithRange(endKey string) OpOption { return func(op *Op) { op.end = []byte(endKey) } }

// WithFromKey takes the key and all keys behind it.
func WithFromKey() OpOption {
	return func(op *Op) {
		op.fromKey = true
		if len(op.key) == 0 {
			op.key = []byte(allKeys)
		}
		op.end = []byte(allKeys)
	}
}

// WithSerializable lets one member answer from what it has, which may be old, without asking the others.
func WithSerializable() OpOption { return func(op *Op) { op.serializable = true } }

// WithKeysOnly leaves the values out.
func WithKeysOnly() OpOption { return func(op *Op) { op.keysOnly = true } }

// WithCountOnly returns the number of keys alone.
func WithCountOnly() OpOption { return func(op *Op) { op.countOnly = true } }

// WithMinModRev leaves out keys last changed before a revision.
func WithMinModRev(rev int64) OpOption { return func(op *Op) { op.minModRev = rev } }

// WithMaxModRev leaves out keys last changed after a revision.
func WithMaxModRev(rev int64) OpOption { return func(op *Op) { op.maxModRev = rev } }

// WithMinCreateRev leaves out keys created before a revision.
func WithMinCreateRev(rev int64) OpOption { return func(op *Op) { op.minCreateRev = rev } }

// WithMaxCreateRev leaves out keys created after a revision.
func WithMaxCreateRev(rev int64) OpOption { return func(op *Op) { op.maxCreateRev = rev } }

// WithFirstCreate gets, of all keys with the prefix, the one created first.
func WithFirstCreate() []OpOption { return top(SortByCreateRevision, SortAscend) }

// WithLastCreate gets, of all keys with the prefix, the one created last.
func WithLastCreate() []OpOption { return top(SortByCreateRevision, SortDescend) }

// WithFirstKey gets the first key with the prefix.
func WithFirstKey() []OpOption { return top(SortByKey, SortAscend) }

// WithLastKey gets the last key with the prefix.
func WithLastKey() []OpOption { return top(SortByKey, SortDescend) }

// WithFirstRev gets, of all keys with the prefix, the one unchanged for longest.
func WithFirstRev() []OpOption { return top(SortByModRevision, SortAscend) }

// WithLastRev gets, of all keys with the prefix, the one changed last.
func WithLastRev() []OpOption { return top(SortByModRevision, SortDescend) }

func top(target SortTarget, order SortOrder) []OpOption {
	return []OpOption{WithPrefix(), WithSort(target, order), WithLimit(1)}
}

// WithProgressNotify lets a watch without events tell now and then how far it is.
func WithProgressNotify() OpOption { return func(op *Op) { op.progressNotify = true } }

// WithCreatedNotify delivers, as first response of a watch, that it was created.
func WithCreatedNotify() OpOption { return func(op *Op) { op.created = true } }

// WithFilterPut leaves puts out of a watch.
func WithFilterPut() OpOption { return func(op *Op) { op.filterPut = true } }

// WithFilterDelete leaves deletes out of a watch.
func WithFilterDelete() OpOption { return func(op *Op) { op.filterDelete = true } }

// WithPrevKV returns the pair as it was before the change, unless that is compacted.
func WithPrevKV() OpOption { return func(op *Op) { op.prevKV = true } }

// WithFragment lets the server send large responses of a watch in parts. They are put together again.
func WithFragment() OpOption { return func(op *Op) { op.fragment = true } }

// WithWatchBufLog is for programs that set it: a watch is read as its user reads it, so there is no backlog to log.
func WithWatchBufLog() OpOption { return func(op *Op) { op.bufferLogging = true } }

// WithIgnoreValue keeps the value of an existing key.
func WithIgnoreValue() OpOption { return func(op *Op) { op.ignoreValue = true } }

// WithIgnoreLease keeps the lease of an existing key.
func WithIgnoreLease() OpOption { return func(op *Op) { op.ignoreLease = true } }

// IsOptsWithPrefix tells whether WithPrefix is among the options.
func IsOptsWithPrefix(opts []OpOption) bool { return applied(opts).prefix }

// IsOptsWithFromKey tells whether WithFromKey is among the options.
func IsOptsWithFromKey(opts []OpOption) bool { return applied(opts).fromKey }

func applied(opts []OpOption) *Op {
	op := NewOp()
	for _, opt := range opts {
		opt(op)
	}
	return op
}

// LeaseOp is what the options of TimeToLive change.
type LeaseOp struct {
	id           LeaseID
	attachedKeys bool
}

// LeaseOption changes a request for a lease.
type LeaseOption func(*LeaseOp)

// WithAttachedKeys lists the keys of the lease.
func WithAttachedKeys() LeaseOption { return func(op *LeaseOp) { op.attachedKeys = true } }

// CompactOp is a compaction.
type CompactOp struct {
	revision int64
	physical bool
}

// CompactOption changes a compaction.
type CompactOption func(*CompactOp)

// OpCompact is a compaction up to a revision.
func OpCompact(rev int64, opts ...CompactOption) CompactOp {
	op := CompactOp{revision: rev}
	for _, opt := range opts {
		opt(&op)
	}
	return op
}

// WithCompactPhysical waits until the old revisions are gone from the storage.
func WithCompactPhysical() CompactOption { return func(op *CompactOp) { op.physical = true } }

func (op CompactOp) request() *pb.CompactionRequest {
	return &pb.CompactionRequest{Revision: op.revision, Physical: op.physical}
}

// SortTarget is what WithSort orders by.
type SortTarget int

// SortOrder is the direction of WithSort.
type SortOrder int

// Directions.
const (
	SortNone SortOrder = iota
	SortAscend
	SortDescend
)

// Targets.
const (
	SortByKey SortTarget = iota
	SortByVersion
	SortByCreateRevision
	SortByModRevision
	SortByValue
)

// SortOption is what WithSort set.
type SortOption struct {
	Target SortTarget
	Order  SortOrder
}
