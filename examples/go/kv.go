package main

import (
	"context"
	"fmt"
	"strings"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

func status(ctx context.Context, t *tour) (string, error) {
	status, err := t.Status(ctx, t.endpoint)
	if err != nil {
		return "", err
	}
	members, err := t.MemberList(ctx)
	if err != nil {
		return "", err
	}
	leads := status.Leader == status.Header.MemberId
	return fmt.Sprintf("%d member, it leads: %s", len(members.Members), yes(leads)), nil
}

func put(ctx context.Context, t *tour) (string, error) {
	pairs := [][2]string{{"/mykey/key1", "123"}, {"/mykey/key2", "456"}, {"/ukey/key1", "abc"}}
	var written []string
	for _, pair := range pairs {
		if err := t.put(ctx, pair[0], pair[1]); err != nil {
			return "", err
		}
		written = append(written, pair[0]+"="+pair[1])
	}
	return strings.Join(written, " "), nil
}

func get(ctx context.Context, t *tour) (string, error) {
	response, err := t.Get(ctx, "/mykey/key1")
	return pairs(response), err
}

func getPrefix(ctx context.Context, t *tour) (string, error) {
	response, err := t.Get(ctx, "/mykey", clientv3.WithPrefix())
	return pairs(response), err
}

func pairs(response *clientv3.GetResponse) string {
	if response == nil {
		return ""
	}
	var texts []string
	for _, kv := range response.Kvs {
		texts = append(texts, fmt.Sprintf("%s=%s", kv.Key, kv.Value))
	}
	return strings.Join(texts, " ")
}

func count(ctx context.Context, t *tour) (string, error) {
	found, err := t.count(ctx, "/mykey", clientv3.WithPrefix())
	return fmt.Sprint(found), err
}

func exists(ctx context.Context, t *tour) (string, error) {
	var seen []string
	for _, key := range []string{"/mykey/key1", "/mykey/none"} {
		found, err := t.count(ctx, key)
		if err != nil {
			return "", err
		}
		seen = append(seen, key+" "+yes(found == 1))
	}
	return strings.Join(seen, ", "), nil
}

func history(ctx context.Context, t *tour) (string, error) {
	before, err := t.Get(ctx, "/mykey/key1")
	if err != nil {
		return "", err
	}
	changed, err := t.Put(ctx, "/mykey/key1", "124", clientv3.WithPrevKV())
	if err != nil {
		return "", err
	}
	now, err := t.value(ctx, "/mykey/key1")
	if err != nil {
		return "", err
	}
	then, err := t.value(ctx, "/mykey/key1", clientv3.WithRev(before.Kvs[0].ModRevision))
	return fmt.Sprintf("now %s, at the older revision %s, the put returned %s", now, then, changed.PrevKv.Value), err
}

func transaction(ctx context.Context, t *tour) (string, error) {
	run := func() (string, error) {
		response, err := t.Txn(ctx).
			If(clientv3.Compare(clientv3.Value("user1"), "=", "bad")).
			Then(clientv3.OpDelete("user1")).
			Else(clientv3.OpPut("user1", "good")).
			Commit()
		if err != nil {
			return "", err
		}
		if response.Succeeded {
			return "SUCCESS", nil
		}
		return "FAILURE", nil
	}
	if err := t.put(ctx, "user1", "bad"); err != nil {
		return "", err
	}
	first, err := run()
	if err != nil {
		return "", err
	}
	left, err := t.count(ctx, "user1")
	if err != nil {
		return "", err
	}
	second, err := run()
	if err != nil {
		return "", err
	}
	value, err := t.value(ctx, "user1")
	return fmt.Sprintf("%s, user1 left: %d; %s, user1=%s", first, left, second, value), err
}

func compaction(ctx context.Context, t *tour) (string, error) {
	before, err := t.Put(ctx, "/old/key", "1")
	if err != nil {
		return "", err
	}
	after, err := t.Put(ctx, "/old/key", "2")
	if err != nil {
		return "", err
	}
	if _, err := t.Compact(ctx, after.Header.Revision); err != nil {
		return "", err
	}
	_, err = t.Get(ctx, "/old/key", clientv3.WithRev(before.Header.Revision))
	return fmt.Sprint(err), nil
}

func deleteKey(ctx context.Context, t *tour) (string, error) {
	var deleted [2]string
	for i := range deleted {
		response, err := t.Delete(ctx, "/mykey/key1")
		if err != nil {
			return "", err
		}
		deleted[i] = yes(response.Deleted == 1)
	}
	return fmt.Sprintf("deleted: %s, again: %s", deleted[0], deleted[1]), nil
}

func deletePrefix(ctx context.Context, t *tour) (string, error) {
	if err := t.put(ctx, "/mykey/key1", "123"); err != nil {
		return "", err
	}
	response, err := t.Delete(ctx, "/mykey", clientv3.WithPrefix())
	if err != nil {
		return "", err
	}
	return fmt.Sprint(response.Deleted), nil
}
