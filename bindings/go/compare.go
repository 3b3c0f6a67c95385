package clientv3

import (
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// CompareTarget is what of a key is compared.
type CompareTarget int

// CompareResult is the outcome that a comparison asks for.
type CompareResult int

// Targets.
const (
	CompareVersion CompareTarget = iota
	CompareCreated
	CompareModified
	CompareValue
)

// Cmp is a condition of a transaction.
type Cmp struct{ message *pb.Compare }

var compareResults = map[string]pb.Compare_CompareResult{
	"=":  pb.Compare_EQUAL,
	"!=": pb.Compare_NOT_EQUAL,
	">":  pb.Compare_GREATER,
	"<":  pb.Compare_LESS,
}

// Compare completes a condition: `Compare(Value("k"), "=", "v")`. result is one of "=", "!=", "<", ">". v is a string
// for Value and an integer otherwise. Panics on anything else.
func Compare(cmp Cmp, result string, v any) Cmp {
	wanted, known := compareResults[result]
	if !known {
		panic("Unknown result op")
	}
	cmp = cmp.Clone()
	message := cmp.GetCompare()
	message.Result = wanted
	switch message.Target {
	case pb.Compare_VALUE:
		value, ok := v.(string)
		if !ok {
			panic("bad compare value")
		}
		message.TargetUnion = &pb.Compare_Value{Value: []byte(value)}
	case pb.Compare_VERSION:
		message.TargetUnion = &pb.Compare_Version{Version: integer(v)}
	case pb.Compare_CREATE:
		message.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: integer(v)}
	case pb.Compare_MOD:
		message.TargetUnion = &pb.Compare_ModRevision{ModRevision: integer(v)}
	case pb.Compare_LEASE:
		if id, ok := v.(LeaseID); ok {
			v = int64(id)
		}
		message.TargetUnion = &pb.Compare_Lease{Lease: integer(v)}
	default:
		panic("Unknown compare type")
	}
	return cmp
}

func integer(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case int:
		return int64(v)
	default:
		panic("bad value")
	}
}

// Value compares the value of a key.
func Value(key string) Cmp { return newCmp(key, pb.Compare_VALUE) }

// Version compares how often a key was written since it was created; 0 for a key that does not exist.
func Version(key string) Cmp { return newCmp(key, pb.Compare_VERSION) }

// CreateRevision compares the revision at which a key was created; 0 for a key that does not exist.
func CreateRevision(key string) Cmp { return newCmp(key, pb.Compare_CREATE) }

// ModRevision compares the revision at which a key was last written; 0 for a key that does not exist.
func ModRevision(key string) Cmp { return newCmp(key, pb.Compare_MOD) }

// LeaseValue compares the lease of a key; 0 for a key without one.
func LeaseValue(key string) Cmp { return newCmp(key, pb.Compare_LEASE) }

func newCmp(key string, target pb.Compare_CompareTarget) Cmp {
	return Cmp{&pb.Compare{Key: []byte(key), Target: target}}
}

// FromCompare is the condition that a message tells.
func FromCompare(c *pb.Compare) Cmp {
	wrapped := Cmp{c}
	return wrapped.Clone()
}

// GetCompare is the condition's message, not a copy of it.
func (cmp *Cmp) GetCompare() *pb.Compare {
	if cmp.message == nil {
		cmp.message = &pb.Compare{}
	}
	return cmp.message
}

// Clone is a copy that shares nothing.
func (cmp *Cmp) Clone() Cmp {
	if cmp.message == nil {
		return Cmp{}
	}
	return Cmp{proto.Clone(cmp.message).(*pb.Compare)}
}

// KeyBytes is the key.
func (cmp *Cmp) KeyBytes() []byte {
	if cmp == nil {
		return nil
	}
	return cmp.message.GetKey()
}

// WithKeyBytes sets the key.
func (cmp *Cmp) WithKeyBytes(key []byte) { cmp.GetCompare().Key = key }

// ValueBytes is the value that is compared with; nil where a number is.
func (cmp *Cmp) ValueBytes() []byte { return cmp.GetCompare().GetValue() }

// WithValueBytes sets the value of a comparison of values.
func (cmp *Cmp) WithValueBytes(v []byte) {
	cmp.GetCompare().TargetUnion.(*pb.Compare_Value).Value = v
}

// WithRange asks for the condition of all keys from the key up to, not including, end.
func (cmp Cmp) WithRange(end string) Cmp { return cmp.until([]byte(end)) }

// WithPrefix asks for the condition of all keys that start with the key.
func (cmp Cmp) WithPrefix() Cmp { return cmp.until(prefixEnd(cmp.KeyBytes())) }

func (cmp Cmp) until(end []byte) Cmp {
	ranged := cmp.Clone()
	ranged.GetCompare().RangeEnd = end
	return ranged
}

func compares(cmps []Cmp) []*pb.Compare {
	messages := make([]*pb.Compare, len(cmps))
	for i := range cmps {
		cloned := cmps[i].Clone()
		messages[i] = cloned.GetCompare()
	}
	return messages
}
