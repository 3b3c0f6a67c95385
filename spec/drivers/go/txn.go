package main

import (
	"context"
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

func transaction(ctx context.Context, client *connection, request *line) (answer, error) {
	tokens := request.fields
	branches := readBranches(&tokens)
	response, err := client.Txn(ctx).If(branches.conditions...).Then(branches.then...).Else(branches.otherwise...).Commit()
	if err != nil {
		return nil, err
	}
	told := answer{}.with("rev", response.Header.Revision).flag("succeeded", response.Succeeded)
	return results(told, response.Responses), nil
}

type branches struct {
	conditions      []clientv3.Cmp
	then, otherwise []clientv3.Op
}

// readBranches takes the tokens of one transaction, up to its `end`.
func readBranches(tokens *[]field) branches {
	var read branches
	branch := &read.then
	for len(*tokens) > 0 {
		token := (*tokens)[0]
		*tokens = (*tokens)[1:]
		switch token.name {
		case "client":
		case "if":
			read.conditions = append(read.conditions, condition(token.value))
		case "then":
			branch = &read.then
		case "else":
			branch = &read.otherwise
		case "begin":
			inner := readBranches(tokens)
			*branch = append(*branch, clientv3.OpTxn(inner.conditions, inner.then, inner.otherwise))
		case "end":
			return read
		default:
			*branch = append(*branch, operation(token.name, strings.Split(token.value, ":")))
		}
	}
	return read
}

var (
	comparisons = map[string]string{"eq": "=", "ne": "!=", "lt": "<", "gt": ">"}
	compared    = map[string]func(string) clientv3.Cmp{
		"value":   clientv3.Value,
		"version": clientv3.Version,
		"create":  clientv3.CreateRevision,
		"mod":     clientv3.ModRevision,
		"lease":   clientv3.LeaseValue,
	}
)

func condition(text string) clientv3.Cmp {
	parts := strings.Split(text, ":")
	target, op, key, end, operand := parts[0], parts[1], parts[2], parts[3], parts[4]
	cmp := compared[target](decoded(key))
	if end != "" {
		cmp = cmp.WithRange(decoded(end))
	}
	if target == "value" {
		return clientv3.Compare(cmp, comparisons[op], decoded(operand))
	}
	return clientv3.Compare(cmp, comparisons[op], number(operand))
}

func operation(name string, parts []string) clientv3.Op {
	key, flags := decoded(parts[0]), parts[len(parts)-1]
	var options []clientv3.OpOption
	flagged := func(flag string, option clientv3.OpOption) {
		if strings.Contains(flags, flag) {
			options = append(options, option)
		}
	}
	switch name {
	case "put":
		options = append(options, clientv3.WithLease(clientv3.LeaseID(number(parts[2]))))
		flagged("p", clientv3.WithPrevKV())
		flagged("v", clientv3.WithIgnoreValue())
		flagged("l", clientv3.WithIgnoreLease())
		return clientv3.OpPut(key, decoded(parts[1]), options...)
	case "get":
		options = append(options, end(parts[1])...)
		options = append(options, clientv3.WithLimit(number(parts[2])), clientv3.WithRev(number(parts[3])))
		flagged("k", clientv3.WithKeysOnly())
		flagged("c", clientv3.WithCountOnly())
		return clientv3.OpGet(key, options...)
	default:
		options = append(options, end(parts[1])...)
		flagged("p", clientv3.WithPrevKV())
		return clientv3.OpDelete(key, options...)
	}
}

func end(text string) []clientv3.OpOption {
	if text == "" {
		return nil
	}
	return []clientv3.OpOption{clientv3.WithRange(decoded(text))}
}

func results(told answer, responses []*pb.ResponseOp) answer {
	for _, response := range responses {
		switch result := response.Response.(type) {
		case *pb.ResponseOp_ResponsePut:
			told = told.with("r", "put").pairs("kv", result.ResponsePut.PrevKv)
		case *pb.ResponseOp_ResponseRange:
			found := result.ResponseRange
			more := "0"
			if found.More {
				more = "1"
			}
			told = told.with("r", "get:"+text(found.Count)+":"+more).pairs("kv", found.Kvs...)
		case *pb.ResponseOp_ResponseDeleteRange:
			told = told.with("r", "del:"+text(result.ResponseDeleteRange.Deleted)).pairs("kv", result.ResponseDeleteRange.PrevKvs...)
		case *pb.ResponseOp_ResponseTxn:
			succeeded := "0"
			if result.ResponseTxn.Succeeded {
				succeeded = "1"
			}
			told = results(told.with("r", "txn:"+succeeded), result.ResponseTxn.Responses).with("r", "end")
		}
	}
	return told
}

func text(number int64) string { return strconv.FormatInt(number, 10) }
