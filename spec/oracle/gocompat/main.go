// Command gocompat runs real clientv3 programs against a server and exits non-zero at the first
// answer that real etcd would not have given. It proves that Go programs need no change.
//
//	gocompat http://127.0.0.1:2379
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
)

// stepTimeout bounds each step: far above any healthy answer, far below a CI job's limit.
const stepTimeout = 20 * time.Second

type step struct {
	name string
	run  func(context.Context, *clientv3.Client, string) error
}

var steps = []step{
	{"kv", kv},
	{"txn", txn},
	{"watch", watch},
	{"watch compacted", watchCompacted},
	{"lease", lease},
	{"lease expiry", leaseExpiry},
	{"lock", lock},
	{"election", election},
	{"stm", stm},
	{"maintenance", maintenance},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gocompat ENDPOINT")
		os.Exit(2)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "connect:", err)
		os.Exit(1)
	}
	defer client.Close()
	failed := 0
	for i, s := range steps {
		prefix := fmt.Sprintf("gocompat/%d/%d/", time.Now().UnixNano(), i)
		ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
		err := s.run(ctx, client, prefix)
		cancel()
		if err != nil {
			failed++
			fmt.Printf("FAIL %-16s %v\n", s.name, err)
			continue
		}
		fmt.Printf("ok   %s\n", s.name)
	}
	fmt.Printf("%d passed, %d failed\n", len(steps)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func expect(what string, got, want any) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

func kv(ctx context.Context, c *clientv3.Client, p string) error {
	first, err := c.Put(ctx, p+"a", "1")
	if err != nil {
		return err
	}
	second, err := c.Put(ctx, p+"a", "2", clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	if err := expect("revision of the second put", second.Header.Revision, first.Header.Revision+1); err != nil {
		return err
	}
	if err := expect("previous value", string(second.PrevKv.Value), "1"); err != nil {
		return err
	}
	for _, k := range []string{"c", "b"} {
		if _, err := c.Put(ctx, p+k, k); err != nil {
			return err
		}
	}
	page, err := c.Get(ctx, p, clientv3.WithPrefix(), clientv3.WithLimit(2), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return err
	}
	got := fmt.Sprint(len(page.Kvs), page.More, page.Count, string(page.Kvs[0].Key))
	if err := expect("page", got, fmt.Sprint(2, true, 3, p+"c")); err != nil {
		return err
	}
	old, err := c.Get(ctx, p+"a", clientv3.WithRev(first.Header.Revision))
	if err != nil {
		return err
	}
	if err := expect("old value", string(old.Kvs[0].Value), "1"); err != nil {
		return err
	}
	gone, err := c.Delete(ctx, p, clientv3.WithPrefix(), clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	if err := expect("deleted", fmt.Sprint(gone.Deleted, len(gone.PrevKvs)), "3 3"); err != nil {
		return err
	}
	_, err = c.Put(ctx, "", "x")
	if !errors.Is(err, rpctypes.ErrEmptyKey) {
		return fmt.Errorf("empty key: got %v, want %v", err, rpctypes.ErrEmptyKey)
	}
	_, err = c.Get(ctx, p, clientv3.WithRev(1<<40))
	if !errors.Is(err, rpctypes.ErrFutureRev) {
		return fmt.Errorf("future revision: got %v, want %v", err, rpctypes.ErrFutureRev)
	}
	return nil
}

func txn(ctx context.Context, c *clientv3.Client, p string) error {
	create := func() (*clientv3.TxnResponse, error) {
		return c.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(p+"k"), "=", 0)).
			Then(clientv3.OpPut(p+"k", "mine"), clientv3.OpGet(p+"k")).
			Else(clientv3.OpGet(p + "k")).
			Commit()
	}
	won, err := create()
	if err != nil {
		return err
	}
	if err := expect("first", fmt.Sprintf("%t %d %s", won.Succeeded, len(won.Responses), won.Responses[1].GetResponseRange().Kvs[0].Value), "true 2 mine"); err != nil {
		return err
	}
	lost, err := create()
	if err != nil {
		return err
	}
	if err := expect("second", fmt.Sprint(lost.Succeeded, len(lost.Responses)), "false 1"); err != nil {
		return err
	}
	nested, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.Value(p+"k"), "=", "mine")).
		Then(clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut(p+"n", "1")}, nil)).
		Commit()
	if err != nil {
		return err
	}
	if err := expect("nested", nested.Responses[0].GetResponseTxn().Succeeded, true); err != nil {
		return err
	}
	_, err = c.Txn(ctx).Then(clientv3.OpPut(p+"d", "1"), clientv3.OpPut(p+"d", "2")).Commit()
	if !errors.Is(err, rpctypes.ErrDuplicateKey) {
		return fmt.Errorf("duplicate key: got %v, want %v", err, rpctypes.ErrDuplicateKey)
	}
	return nil
}

func watch(ctx context.Context, c *clientv3.Client, p string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := c.Watch(ctx, p, clientv3.WithPrefix(), clientv3.WithPrevKV())
	put, err := c.Put(ctx, p+"a", "1")
	if err != nil {
		return err
	}
	if _, err := c.Delete(ctx, p+"a"); err != nil {
		return err
	}
	var seen []string
	for len(seen) < 2 {
		response, open := <-events
		if !open || response.Err() != nil {
			return fmt.Errorf("watch ended: %v", response.Err())
		}
		for _, e := range response.Events {
			seen = append(seen, fmt.Sprintf("%s@+%d", e.Type, e.Kv.ModRevision-put.Header.Revision))
			if e.Type == mvccpb.DELETE && !bytes.Equal(e.PrevKv.Value, []byte("1")) {
				return fmt.Errorf("prev_kv of the delete: %v", e.PrevKv)
			}
		}
	}
	if err := expect("events", seen, "[PUT@+0 DELETE@+1]"); err != nil {
		return err
	}
	history := c.Watch(ctx, p+"a", clientv3.WithRev(put.Header.Revision))
	response := <-history
	return expect("history", len(response.Events), 2)
}

func watchCompacted(ctx context.Context, c *clientv3.Client, p string) error {
	var last int64
	for range 3 {
		put, err := c.Put(ctx, p+"a", "1")
		if err != nil {
			return err
		}
		last = put.Header.Revision
	}
	if _, err := c.Compact(ctx, last); err != nil {
		return err
	}
	response := <-c.Watch(ctx, p+"a", clientv3.WithRev(last-1))
	if err := expect("compact revision", response.CompactRevision, last); err != nil {
		return err
	}
	if !errors.Is(response.Err(), rpctypes.ErrCompacted) {
		return fmt.Errorf("watch error: got %v, want %v", response.Err(), rpctypes.ErrCompacted)
	}
	_, err := c.Compact(ctx, last)
	if !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("second compaction: got %v, want %v", err, rpctypes.ErrCompacted)
	}
	return nil
}

func lease(ctx context.Context, c *clientv3.Client, p string) error {
	grant, err := c.Grant(ctx, 60)
	if err != nil {
		return err
	}
	if _, err := c.Put(ctx, p+"k", "v", clientv3.WithLease(grant.ID)); err != nil {
		return err
	}
	alive, err := c.KeepAliveOnce(ctx, grant.ID)
	if err != nil {
		return err
	}
	if err := expect("keep-alive TTL", alive.TTL, 60); err != nil {
		return err
	}
	ttl, err := c.TimeToLive(ctx, grant.ID, clientv3.WithAttachedKeys())
	if err != nil {
		return err
	}
	if err := expect("lease keys", fmt.Sprintf("%d %s", ttl.GrantedTTL, ttl.Keys), fmt.Sprintf("60 [%sk]", p)); err != nil {
		return err
	}
	if _, err := c.Revoke(ctx, grant.ID); err != nil {
		return err
	}
	got, err := c.Get(ctx, p+"k")
	if err != nil {
		return err
	}
	if err := expect("keys after revoke", got.Count, 0); err != nil {
		return err
	}
	_, err = c.Revoke(ctx, grant.ID)
	if !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("second revoke: got %v, want %v", err, rpctypes.ErrLeaseNotFound)
	}
	return nil
}

func leaseExpiry(ctx context.Context, c *clientv3.Client, p string) error {
	grant, err := c.Grant(ctx, 1)
	if err != nil {
		return err
	}
	if err := expect("smallest TTL", grant.TTL, 2); err != nil {
		return err
	}
	events := c.Watch(ctx, p+"k")
	if _, err := c.Put(ctx, p+"k", "v", clientv3.WithLease(grant.ID)); err != nil {
		return err
	}
	for response := range events {
		for _, e := range response.Events {
			if e.Type == mvccpb.DELETE {
				return nil
			}
		}
	}
	return errors.New("the watch ended before the key expired")
}

func lock(ctx context.Context, c *clientv3.Client, p string) error {
	one, err := concurrency.NewSession(c, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer one.Close()
	two, err := concurrency.NewSession(c, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer two.Close()
	first, second := concurrency.NewMutex(one, p+"lock"), concurrency.NewMutex(two, p+"lock")
	if err := first.Lock(ctx); err != nil {
		return err
	}
	if err := second.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
		return fmt.Errorf("try-lock of a held lock: got %v, want %v", err, concurrency.ErrLocked)
	}
	acquired := make(chan error, 1)
	go func() { acquired <- second.Lock(ctx) }()
	if err := first.Unlock(ctx); err != nil {
		return err
	}
	if err := <-acquired; err != nil {
		return err
	}
	return second.Unlock(ctx)
}

func election(ctx context.Context, c *clientv3.Client, p string) error {
	session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer session.Close()
	e := concurrency.NewElection(session, p+"election")
	if _, err := e.Leader(ctx); !errors.Is(err, concurrency.ErrElectionNoLeader) {
		return fmt.Errorf("leader before a campaign: got %v, want %v", err, concurrency.ErrElectionNoLeader)
	}
	if err := e.Campaign(ctx, "one"); err != nil {
		return err
	}
	if err := e.Proclaim(ctx, "two"); err != nil {
		return err
	}
	leader, err := e.Leader(ctx)
	if err != nil {
		return err
	}
	if err := expect("leader", string(leader.Kvs[0].Value), "two"); err != nil {
		return err
	}
	return e.Resign(ctx)
}

func stm(ctx context.Context, c *clientv3.Client, p string) error {
	if _, err := c.Put(ctx, p+"from", "100"); err != nil {
		return err
	}
	_, err := concurrency.NewSTM(c, func(s concurrency.STM) error {
		s.Put(p+"to", s.Get(p+"from"))
		s.Del(p + "from")
		return nil
	})
	if err != nil {
		return err
	}
	got, err := c.Get(ctx, p, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	return expect("after the transfer", fmt.Sprintf("%d %s %s", got.Count, got.Kvs[0].Key, got.Kvs[0].Value), fmt.Sprintf("1 %sto 100", p))
}

func maintenance(ctx context.Context, c *clientv3.Client, _ string) error {
	endpoint := c.Endpoints()[0]
	status, err := c.Status(ctx, endpoint)
	if err != nil {
		return err
	}
	if status.Leader == 0 || status.Version == "" || status.DbSize == 0 {
		return fmt.Errorf("status is incomplete: %+v", status)
	}
	members, err := c.MemberList(ctx)
	if err != nil {
		return err
	}
	if len(members.Members) == 0 || len(members.Members[0].ClientURLs) == 0 {
		return fmt.Errorf("member list is incomplete: %+v", members)
	}
	_, err = c.HashKV(ctx, endpoint, 0)
	return err
}
