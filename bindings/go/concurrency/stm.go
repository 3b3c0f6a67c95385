package concurrency

import (
	"context"
	"math"

	v3 "github.com/etcdkit/etcdkit/bindings/go"
)

// STM is what an application of NewSTM reads and writes. Its methods end the attempt when a call fails, and the error
// is that of NewSTM.
type STM interface {
	// Get is the value of the first key that was written in this transaction, or of the first key; "" when it does not
	// exist. The other keys are read along, to save round trips later.
	Get(key ...string) string
	// Put writes a key when the transaction commits.
	Put(key, val string, opts ...v3.OpOption)
	// Rev is the revision at which the key was last written; 0 when it does not exist.
	Rev(key string) int64
	// Del deletes a key when the transaction commits.
	Del(key string)

	// commit is nil when somebody else was faster.
	commit() *v3.TxnResponse
	reset()
}

// Isolation is what a transaction may see of others.
type Isolation int

const (
	// SerializableSnapshot is Serializable, and no key that is written was written by another since the first read.
	SerializableSnapshot Isolation = iota
	// Serializable reads everything as of the revision of the first read, and commits only if that is still so.
	Serializable
	// RepeatableReads reads a key once, and commits only if it is unchanged.
	RepeatableReads
	// ReadCommitted reads what is there and commits always.
	ReadCommitted
)

type stmOptions struct {
	isolation Isolation
	ctx       context.Context
	prefetch  []string
}

// STMOption changes a transaction of NewSTM.
type STMOption func(*stmOptions)

// WithIsolation sets the isolation. Default SerializableSnapshot.
func WithIsolation(lvl Isolation) STMOption { return func(so *stmOptions) { so.isolation = lvl } }

// WithAbortContext sets the context with whose end the transaction is given up. Default: that of the client.
func WithAbortContext(ctx context.Context) STMOption { return func(so *stmOptions) { so.ctx = ctx } }

// WithPrefetch reads keys in one go before the application asks for them.
func WithPrefetch(keys ...string) STMOption {
	return func(so *stmOptions) { so.prefetch = append(so.prefetch, keys...) }
}

// NewSTM runs apply and commits what it wrote, again and again until nobody came in between. apply must not do
// anything that may not be repeated. An error of apply gives up.
func NewSTM(c *v3.Client, apply func(STM) error, so ...STMOption) (*v3.TxnResponse, error) {
	options := &stmOptions{ctx: c.Ctx()}
	for _, opt := range so {
		opt(options)
	}
	return run(newAttempt(c, options), func(s STM) error {
		if len(options.prefetch) > 0 {
			s.Get(options.prefetch...)
		}
		return apply(s)
	})
}

// NewSTMRepeatable is NewSTM with RepeatableReads.
func NewSTMRepeatable(ctx context.Context, c *v3.Client, apply func(STM) error) (*v3.TxnResponse, error) {
	return NewSTM(c, apply, WithAbortContext(ctx), WithIsolation(RepeatableReads))
}

// NewSTMSerializable is NewSTM with Serializable.
func NewSTMSerializable(ctx context.Context, c *v3.Client, apply func(STM) error) (*v3.TxnResponse, error) {
	return NewSTM(c, apply, WithAbortContext(ctx), WithIsolation(Serializable))
}

// NewSTMReadCommitted is NewSTM with ReadCommitted.
func NewSTMReadCommitted(ctx context.Context, c *v3.Client, apply func(STM) error) (*v3.TxnResponse, error) {
	return NewSTM(c, apply, WithAbortContext(ctx), WithIsolation(ReadCommitted))
}

// stmFailure carries the error of a call through apply.
type stmFailure struct{ err error }

func run(s STM, apply func(STM) error) (response *v3.TxnResponse, err error) {
	defer func() {
		switch caught := recover().(type) {
		case nil:
		case stmFailure:
			response, err = nil, caught.err
		default:
			panic(caught)
		}
	}()
	for {
		s.reset()
		if err := apply(s); err != nil {
			return nil, err
		}
		if response := s.commit(); response != nil {
			return response, nil
		}
	}
}

// attempt is one run of an application: what it read and what it will write.
type attempt struct {
	client    *v3.Client
	ctx       context.Context
	isolation Isolation

	reads  map[string]*v3.GetResponse
	writes map[string]write
	// ahead are keys that the commit of the last attempt read, to be used when they are asked for.
	ahead map[string]*v3.GetResponse
	// base is the revision that Serializable reads at, once there was a read.
	base int64
}

type write struct {
	value string
	op    v3.Op
}

func newAttempt(c *v3.Client, options *stmOptions) *attempt {
	return &attempt{client: c, ctx: options.ctx, isolation: options.isolation}
}

func (a *attempt) serializable() bool { return a.isolation <= Serializable }

func (a *attempt) reset() {
	a.reads, a.writes, a.base = map[string]*v3.GetResponse{}, map[string]write{}, 0
}

func (a *attempt) Get(keys ...string) string {
	for _, key := range keys {
		if written, ok := a.writes[key]; ok {
			return written.value
		}
	}
	return valueOf(a.read(keys))
}

func (a *attempt) Rev(key string) int64 {
	if found := a.read([]string{key}); len(found.Kvs) > 0 {
		return found.Kvs[0].ModRevision
	}
	return 0
}

func (a *attempt) Put(key, val string, opts ...v3.OpOption) {
	a.writes[key] = write{val, v3.OpPut(key, val, opts...)}
}

func (a *attempt) Del(key string) { a.writes[key] = write{"", v3.OpDelete(key)} }

// read is the first of the keys; those that are not known yet are read in one transaction.
func (a *attempt) read(keys []string) *v3.GetResponse {
	if len(keys) == 0 {
		return nil
	}
	var missing []string
	for _, key := range keys {
		if a.reads[key] != nil {
			continue
		}
		if known := a.ahead[key]; known != nil {
			delete(a.ahead, key)
			a.remember(key, known)
			continue
		}
		missing = append(missing, key)
	}
	a.fetch(missing)
	return a.reads[keys[0]]
}

func (a *attempt) fetch(keys []string) {
	if len(keys) == 0 {
		return
	}
	var options []v3.OpOption
	if a.base > 0 {
		options = []v3.OpOption{v3.WithRev(a.base), v3.WithSerializable()}
	}
	gets := make([]v3.Op, len(keys))
	for i, key := range keys {
		gets[i] = v3.OpGet(key, options...)
	}
	response, err := a.client.Txn(a.ctx).Then(gets...).Commit()
	if err != nil {
		panic(stmFailure{err})
	}
	for i, one := range response.Responses {
		found := (*v3.GetResponse)(one.GetResponseRange())
		a.remember(keys[i], found)
	}
}

func (a *attempt) remember(key string, found *v3.GetResponse) {
	a.reads[key] = found
	if a.serializable() && a.base == 0 {
		a.base = found.Header.Revision
	}
}

// conditions under which nobody came in between.
func (a *attempt) conditions() []v3.Cmp {
	if a.isolation == ReadCommitted {
		return nil
	}
	var conditions []v3.Cmp
	first := int64(math.MaxInt64 - 1)
	for key, found := range a.reads {
		conditions = append(conditions, v3.Compare(v3.ModRevision(key), "=", revisionOf(found)))
		first = min(first, found.Header.Revision)
	}
	if a.isolation == SerializableSnapshot {
		for key := range a.writes {
			conditions = append(conditions, v3.Compare(v3.ModRevision(key), "<", first+1))
		}
	}
	return conditions
}

func (a *attempt) commit() *v3.TxnResponse {
	writes := make([]v3.Op, 0, len(a.writes))
	for _, written := range a.writes {
		writes = append(writes, written.op)
	}
	var keys []string
	var again []v3.Op
	if a.serializable() {
		// Where somebody was faster, the next attempt starts with what it has to read anyway.
		for key := range a.reads {
			keys = append(keys, key)
			again = append(again, v3.OpGet(key))
		}
	}
	response, err := a.client.Txn(a.ctx).If(a.conditions()...).Then(writes...).Else(again...).Commit()
	if err != nil {
		panic(stmFailure{err})
	}
	if response.Succeeded {
		return response
	}
	a.ahead = make(map[string]*v3.GetResponse, len(keys))
	for i, key := range keys {
		a.ahead[key] = (*v3.GetResponse)(response.Responses[i].GetResponseRange())
	}
	return nil
}

func valueOf(found *v3.GetResponse) string {
	if found == nil || len(found.Kvs) == 0 {
		return ""
	}
	return string(found.Kvs[0].Value)
}

func revisionOf(found *v3.GetResponse) int64 {
	if len(found.Kvs) == 0 {
		return 0
	}
	return found.Kvs[0].ModRevision
}
