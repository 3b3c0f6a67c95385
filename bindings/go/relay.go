package clientv3

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// relayDialTimeout bounds making one TLS connection.
const relayDialTimeout = 10 * time.Second

// relay makes the core's connections for a Config with TLS.
//
// A tls.Config cannot be handed to another language: its pools cannot be read, its keys may live in hardware, and its
// callbacks are Go. So Go speaks TLS: for every endpoint there is a Unix socket, in a directory of this user alone,
// and what the core connects to it is passed on over a TLS connection to the endpoint.
type relay struct {
	config *tls.Config
	logger *zap.Logger
	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	directory string
	listeners map[string]net.Listener
}

func newRelay(config *tls.Config, logger *zap.Logger) *relay {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	r := &relay{config: config, logger: logger, listeners: make(map[string]net.Listener)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// address is where the core connects to for an endpoint: the endpoint itself where it is not to be encrypted.
func (r *relay) address(endpoint string) string {
	if strings.HasPrefix(endpoint, "http://") {
		return endpoint
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	listener, known := r.listeners[endpoint]
	if !known {
		var err error
		if listener, err = r.listen(); err != nil {
			r.logger.Error("cannot listen for the core's connections", zap.String("endpoint", endpoint), zap.Error(err))
			return endpoint
		}
		r.listeners[endpoint] = listener
		go r.serve(listener, endpoint)
	}
	return "unix:" + listener.Addr().String()
}

func (r *relay) listen() (net.Listener, error) {
	if r.directory == "" {
		directory, err := os.MkdirTemp("", "etcdkit-")
		if err != nil {
			return nil, err
		}
		r.directory = directory
	}
	return net.Listen("unix", filepath.Join(r.directory, strconv.Itoa(len(r.listeners))))
}

func (r *relay) serve(listener net.Listener, endpoint string) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		go r.pass(near, endpoint)
	}
}

// pass carries the bytes of one connection until either side ends it.
func (r *relay) pass(near net.Conn, endpoint string) {
	defer near.Close()
	ctx, cancel := context.WithTimeout(r.ctx, relayDialTimeout)
	network, address := networkAddress(endpoint)
	dialer := tls.Dialer{Config: r.config}
	far, err := dialer.DialContext(ctx, network, address)
	cancel()
	if err != nil {
		if r.ctx.Err() == nil {
			r.logger.Warn("cannot make a TLS connection", zap.String("endpoint", endpoint), zap.Error(err))
		}
		return
	}
	defer far.Close()
	defer context.AfterFunc(r.ctx, func() { near.Close(); far.Close() })()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(near, far)
		near.Close()
	}()
	_, _ = io.Copy(far, near)
	far.Close()
	<-back
}

func (r *relay) close() {
	if r == nil {
		return
	}
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, listener := range r.listeners {
		listener.Close()
	}
	if r.directory != "" {
		os.RemoveAll(r.directory)
	}
}

// networkAddress is what package net dials for an endpoint.
func networkAddress(endpoint string) (network, address string) {
	for _, scheme := range []string{"unixs:", "unix:"} {
		if path, ok := strings.CutPrefix(endpoint, scheme); ok {
			return "unix", strings.TrimPrefix(path, "//")
		}
	}
	if parsed, err := url.Parse(endpoint); err == nil && parsed.Host != "" {
		return "tcp", parsed.Host
	}
	return "tcp", endpoint
}

// dialTarget is what gRPC dials for an endpoint, and how.
func dialTarget(endpoint string, config *tls.Config) (string, credentials.TransportCredentials) {
	secure := strings.HasPrefix(endpoint, "https:") || strings.HasPrefix(endpoint, "unixs:")
	plain := strings.HasPrefix(endpoint, "http:")
	creds := insecure.NewCredentials()
	if secure || (config != nil && !plain) {
		creds = credentials.NewTLS(config)
	}
	network, address := networkAddress(endpoint)
	if network == "unix" {
		return "unix:" + address, creds
	}
	return "passthrough:///" + address, creds
}
