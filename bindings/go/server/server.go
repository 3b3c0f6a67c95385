// Package server runs etcd-compatible servers in this process: for tests, for tools, and for programs that want to
// bring their own storage.
//
//	s, err := server.Start(ctx, server.Config{})
//	if err != nil {
//		return err
//	}
//	defer s.Stop(ctx)
//	client, err := clientv3.NewFromURL(s.Endpoint())
package server

import (
	"context"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
	"github.com/etcdkit/etcdkit/bindings/go/internal/access"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// Config says how a server is started. The zero value is a server that keeps its state in memory and listens on a free
// port of 127.0.0.1.
type Config struct {
	// DataDir keeps the state. Empty: it is kept in memory and gone with the server.
	DataDir string
	// Listen is `host:port` or a URL for clients. Empty: a free port of 127.0.0.1.
	Listen string
	// Name of the member. Empty: "default".
	Name string
	// Engine of a data directory: "redb" or "sled". Empty: "redb".
	Engine string
	// InProcess makes the server listen nowhere: clients are made by Server.NewClient.
	InProcess bool
	// Args are flags as the `etcdkit server` command has them, such as "--quota-backend-bytes=1000000", for what has
	// no field here. Start fails on one that means nothing to a server inside a program, and names those which do.
	Args []string
}

// Server is a running server. Several may run at once. Safe for use by many goroutines.
type Server struct {
	object  *boundary.Object
	started bridgepb.ServerStarted
}

// Start starts a server and returns when it serves.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	request := &bridgepb.ServerConfig{
		DataDir:       cfg.DataDir,
		Listen:        cfg.Listen,
		Name:          cfg.Name,
		Engine:        cfg.Engine,
		InProcessOnly: cfg.InProcess,
		Args:          cfg.Args,
	}
	s := &Server{}
	object, err := boundary.Open(ctx, method.ServerStart, request, &s.started)
	if err != nil {
		return nil, err
	}
	s.object = object
	return s, nil
}

// Endpoint is the first address for clients, such as "http://127.0.0.1:2379"; empty with Config.InProcess.
func (s *Server) Endpoint() string { return s.started.Endpoint }

// Endpoints are all addresses for clients.
func (s *Server) Endpoints() []string { return s.started.Endpoints }

// MemberID is the id of the server in its cluster.
func (s *Server) MemberID() uint64 { return s.started.MemberId }

// ClusterID is the id of the cluster.
func (s *Server) ClusterID() uint64 { return s.started.ClusterId }

// NewClient makes a client that speaks to this server without a socket. Endpoints of the Config must be empty.
func (s *Server) NewClient(cfg clientv3.Config) (*clientv3.Client, error) {
	client, err := access.Connect(cfg, s.object)
	if err != nil {
		return nil, err
	}
	return client.(*clientv3.Client), nil
}

// Stop stops the server and returns when its port is free and its state is on disk. Stopping again does nothing.
func (s *Server) Stop(ctx context.Context) error {
	if s.object.Handle() == 0 {
		return nil
	}
	if _, err := s.object.Call(ctx, method.ServerStop, &bridgepb.Empty{}, nil); err != nil {
		return err
	}
	s.object.Close()
	return nil
}
