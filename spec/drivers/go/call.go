package main

import (
	"context"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// call performs the calls of KV and Lease.
func call(ctx context.Context, client *connection, request *line) (answer, error) {
	switch request.verb {
	case "put":
		return put(ctx, client, request)
	case "get":
		return get(ctx, client, request)
	case "del":
		return del(ctx, client, request)
	case "compact":
		return compact(ctx, client, request)
	case "txn":
		return transaction(ctx, client, request)
	case "grant":
		return grant(ctx, client, request)
	case "revoke":
		response, err := client.Revoke(ctx, clientv3.LeaseID(request.number("lease")))
		if err != nil {
			return nil, err
		}
		return answer{}.with("rev", response.Header.Revision), nil
	case "keepalive":
		response, err := client.KeepAliveOnce(ctx, clientv3.LeaseID(request.number("lease")))
		if err != nil {
			return nil, err
		}
		return answer{}.with("lease", response.ID).with("ttl", response.TTL), nil
	case "ttl":
		return timeToLive(ctx, client, request)
	case "leases":
		return leases(ctx, client)
	default:
		return nil, errUnsupported
	}
}

func put(ctx context.Context, client *connection, request *line) (answer, error) {
	var options []clientv3.OpOption
	if request.has("lease") {
		options = append(options, clientv3.WithLease(clientv3.LeaseID(request.number("lease"))))
	}
	options = append(options, flags(request, map[string]clientv3.OpOption{
		"prev":         clientv3.WithPrevKV(),
		"ignore_value": clientv3.WithIgnoreValue(),
		"ignore_lease": clientv3.WithIgnoreLease(),
	})...)
	response, err := client.Put(ctx, request.data("key"), request.data("value"), options...)
	if err != nil {
		return nil, err
	}
	return answer{}.with("rev", response.Header.Revision).pairs("kv", response.PrevKv), nil
}

var (
	orders = map[string]clientv3.SortOrder{
		"none": clientv3.SortNone,
		"asc":  clientv3.SortAscend,
		"desc": clientv3.SortDescend,
	}
	targets = map[string]clientv3.SortTarget{
		"key":     clientv3.SortByKey,
		"version": clientv3.SortByVersion,
		"create":  clientv3.SortByCreateRevision,
		"mod":     clientv3.SortByModRevision,
		"value":   clientv3.SortByValue,
	}
)

func get(ctx context.Context, client *connection, request *line) (answer, error) {
	options := append(ranged(request), flags(request, map[string]clientv3.OpOption{
		"serializable": clientv3.WithSerializable(),
		"keys_only":    clientv3.WithKeysOnly(),
		"count_only":   clientv3.WithCountOnly(),
	})...)
	numbers := map[string]func(int64) clientv3.OpOption{
		"limit":      clientv3.WithLimit,
		"rev":        clientv3.WithRev,
		"min_mod":    clientv3.WithMinModRev,
		"max_mod":    clientv3.WithMaxModRev,
		"min_create": clientv3.WithMinCreateRev,
		"max_create": clientv3.WithMaxCreateRev,
	}
	for name, option := range numbers {
		if request.has(name) {
			options = append(options, option(request.number(name)))
		}
	}
	if request.has("order") || request.has("target") {
		order, _ := request.text("order")
		target, _ := request.text("target")
		options = append(options, clientv3.WithSort(targets[target], orders[order]))
	}
	response, err := client.Get(ctx, request.data("key"), options...)
	if err != nil {
		return nil, err
	}
	told := answer{}.with("rev", response.Header.Revision).with("count", response.Count)
	return told.flag("more", response.More).pairs("kv", response.Kvs...), nil
}

func del(ctx context.Context, client *connection, request *line) (answer, error) {
	options := append(ranged(request), flags(request, map[string]clientv3.OpOption{"prev": clientv3.WithPrevKV()})...)
	response, err := client.Delete(ctx, request.data("key"), options...)
	if err != nil {
		return nil, err
	}
	told := answer{}.with("rev", response.Header.Revision).with("deleted", response.Deleted)
	return told.pairs("kv", response.PrevKvs...), nil
}

func compact(ctx context.Context, client *connection, request *line) (answer, error) {
	var options []clientv3.CompactOption
	if request.has("physical") {
		options = append(options, clientv3.WithCompactPhysical())
	}
	response, err := client.Compact(ctx, request.number("rev"), options...)
	if err != nil {
		return nil, err
	}
	return answer{}.with("rev", response.Header.Revision), nil
}

func ranged(request *line) []clientv3.OpOption {
	if !request.has("end") {
		return nil
	}
	return []clientv3.OpOption{clientv3.WithRange(request.data("end"))}
}

func flags(request *line, known map[string]clientv3.OpOption) []clientv3.OpOption {
	var options []clientv3.OpOption
	for name, option := range known {
		if request.has(name) {
			options = append(options, option)
		}
	}
	return options
}

// grant cannot choose the id of a lease.
func grant(ctx context.Context, client *connection, request *line) (answer, error) {
	if request.number("lease") != 0 {
		return nil, errUnsupported
	}
	response, err := client.Grant(ctx, request.number("ttl"))
	if err != nil {
		return nil, err
	}
	return answer{}.with("lease", response.ID).with("ttl", response.TTL), nil
}

func timeToLive(ctx context.Context, client *connection, request *line) (answer, error) {
	var options []clientv3.LeaseOption
	if request.has("keys") {
		options = append(options, clientv3.WithAttachedKeys())
	}
	response, err := client.TimeToLive(ctx, clientv3.LeaseID(request.number("lease")), options...)
	if err != nil {
		return nil, err
	}
	told := answer{}.with("ttl", response.TTL).with("granted", response.GrantedTTL)
	for _, key := range response.Keys {
		told = told.bytes("key", key)
	}
	return told, nil
}

func leases(ctx context.Context, client *connection) (answer, error) {
	response, err := client.Leases(ctx)
	if err != nil {
		return nil, err
	}
	told := answer{}.with("count", len(response.Leases))
	for _, lease := range response.Leases {
		told = told.with("lease", lease.ID)
	}
	return told, nil
}
