package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// field of a line; a flag has no value.
type field struct{ name, value string }

// line is a request of spec/PROTOCOL.md. Bytes are hex.
type line struct {
	id     uint64
	verb   string
	fields []field
}

func parse(text string) (*line, error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return nil, fmt.Errorf("not a request: %q", text)
	}
	id, err := strconv.ParseUint(words[0], 10, 64)
	if err != nil {
		return nil, err
	}
	parsed := &line{id: id, verb: words[1]}
	for _, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		parsed.fields = append(parsed.fields, field{name, value})
	}
	return parsed, nil
}

func (l *line) text(name string) (string, bool) {
	for _, field := range l.fields {
		if field.name == name {
			return field.value, true
		}
	}
	return "", false
}

func (l *line) has(name string) bool {
	_, found := l.text(name)
	return found
}

func (l *line) data(name string) string {
	text, _ := l.text(name)
	return decoded(text)
}

// number is a field's number, or 0.
func (l *line) number(name string) int64 {
	text, _ := l.text(name)
	return number(text)
}

func (l *line) reference(name string) uint64 { return uint64(l.number(name)) }

// millis is a time of the protocol.
func (l *line) millis(name string) time.Duration {
	return time.Duration(l.number(name)) * time.Millisecond
}

// The runner sends what the protocol says; anything else is a fault of one of them and ends the driver loudly.

func decoded(text string) string {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func number(text string) int64 {
	if text == "" {
		return 0
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

// answer is what a line of the driver says behind its id and word.
type answer []string

func (a answer) with(name string, value any) answer {
	return append(a, fmt.Sprintf("%s=%v", name, value))
}

func (a answer) bytes(name string, value []byte) answer {
	return append(a, name+"="+hex.EncodeToString(value))
}

func (a answer) flag(name string, value bool) answer {
	if value {
		return append(a, name+"=1")
	}
	return append(a, name+"=0")
}

func (a answer) pairs(name string, pairs ...*mvccpb.KeyValue) answer {
	for _, kv := range pairs {
		if kv != nil {
			a = a.with(name, fmt.Sprintf("%x:%x:%d:%d:%d:%d", kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease))
		}
	}
	return a
}

// errUnsupported: the SDK's public API cannot say the request.
var errUnsupported = errors.New("unsupported")

func failure(err error) answer {
	code := codes.Unknown
	var etcd interface{ Code() codes.Code }
	switch {
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.As(err, &etcd):
		code = etcd.Code()
	default:
		code = status.Code(err)
	}
	message := err.Error()
	if known, ok := status.FromError(err); ok && !errors.As(err, &etcd) {
		message = known.Message()
	}
	name := code.String()
	if code == codes.Canceled {
		// gRPC's own spelling, which the protocol has.
		name = "Cancelled"
	}
	return answer{}.with("code", name).bytes("msg", []byte(message))
}
