package clientv3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/etcdkit/etcdkit/bindings/go/internal/access"
	"github.com/etcdkit/etcdkit/bindings/go/internal/boundary"
	"github.com/etcdkit/etcdkit/bindings/go/internal/bridgepb"
	"github.com/etcdkit/etcdkit/bindings/go/internal/ffi"
	"github.com/etcdkit/etcdkit/bindings/go/internal/method"
)

// loneEndpointTimeout is how long calls without an earlier deadline wait for the only endpoint there is: as long as
// gRPC gives one attempt to connect. With several, an endpoint gets the core's 2 seconds before the next one is tried.
const loneEndpointTimeout = 20 * time.Second

// syncTimeout bounds one automatic update of the endpoints.
const syncTimeout = 5 * time.Second

// Client is a connection to a cluster and all its services. Each service may be replaced by one around it, as
// package namespace has them. Safe for use by many goroutines.
type Client struct {
	Cluster
	KV
	Lease
	Watcher
	Auth
	Maintenance

	// Username, Password and Token are those of the Config.
	Username string
	Password string
	Token    string

	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	// server of this process that is reached without a socket, or 0.
	server uint64
	logger atomic.Pointer[zap.Logger]

	// object is the core's client, nil for one of NewCtxClient.
	object *boundary.Object
	// relay makes connections for a Config with TLS, else nil.
	relay *relay

	// mu guards what follows.
	mu        sync.Mutex
	endpoints []string
	// strict is a client of the core whose calls fail without a leader, once one was needed.
	strict *boundary.Object
	// plain is the connection of ActiveConnection, once it was asked for.
	plain *grpc.ClientConn
}

// Option changes a client of NewCtxClient.
type Option func(*Client)

func init() {
	access.Core = func(client any) (*boundary.Object, string, error) {
		c := client.(*Client)
		core, err := c.core()
		prefixed, ok := c.KV.(access.Prefixed)
		if err != nil || !ok {
			return core, "", err
		}
		return core, prefixed.KeyPrefix(), nil
	}
	access.Connect = func(config any, server *boundary.Object) (any, error) {
		cfg := config.(Config)
		return connect(&cfg, server.Handle())
	}
}

// New makes a client. It does not wait for a server, unless the Config has a user or RejectOldCluster: endpoints that
// cannot be reached are the trouble of the calls.
func New(cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return connect(&cfg, 0)
}

// NewFromURL makes a client with one endpoint.
func NewFromURL(url string) (*Client, error) { return New(Config{Endpoints: []string{url}}) }

// NewFromURLs makes a client with several endpoints.
func NewFromURLs(urls []string) (*Client, error) { return New(Config{Endpoints: urls}) }

// NewCtxClient makes a client without services: set those that are needed. For tests with services of their own.
func NewCtxClient(ctx context.Context, opts ...Option) *Client {
	c := &Client{}
	c.ctx, c.cancel = context.WithCancel(ctx)
	for _, opt := range opts {
		opt(c)
	}
	if c.logger.Load() == nil {
		c.logger.Store(zap.NewNop())
	}
	return c
}

// WithZapLogger sets the logger of a client of NewCtxClient.
func WithZapLogger(lg *zap.Logger) Option { return func(c *Client) { c.logger.Store(lg) } }

// WithLogger sets the logger.
func (c *Client) WithLogger(lg *zap.Logger) *Client {
	c.logger.Store(lg)
	return c
}

// GetLogger is the logger.
func (c *Client) GetLogger() *zap.Logger { return c.logger.Load() }

// Ctx is the context of the client, which ends when it is closed.
func (c *Client) Ctx() context.Context { return c.ctx }

// connect makes a client of a cluster, or of a server of this process.
func connect(cfg *Config, server uint64) (*Client, error) {
	logger, err := cfg.logger()
	if err != nil {
		return nil, err
	}
	parent := cfg.Context
	if parent == nil {
		parent = context.Background()
	}
	c := &Client{cfg: *cfg, server: server, Username: cfg.Username, Password: cfg.Password, Token: cfg.Token}
	c.logger.Store(logger)
	c.endpoints = slices.Clone(cfg.Endpoints)
	c.ctx, c.cancel = context.WithCancel(parent)
	if cfg.TLS != nil {
		c.relay = newRelay(cfg.TLS, logger)
	}
	if err := c.open(); err != nil {
		c.cancel()
		c.relay.close()
		return nil, err
	}
	c.Cluster, c.KV, c.Lease = NewCluster(c), NewKV(c), NewLease(c)
	c.Watcher, c.Auth, c.Maintenance = NewWatcher(c), NewAuth(c), NewMaintenance(c)
	if len(cfg.DialOptions) > 0 {
		logger.Warn("Config.DialOptions apply to the connections of Dial and ActiveConnection only")
	}
	if cfg.AutoSyncInterval > 0 {
		go c.autoSync()
	}
	return c, nil
}

func (c *Client) open() error {
	ctx, cancel := c.ctx, func() {}
	if c.cfg.DialTimeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.cfg.DialTimeout)
	}
	defer cancel()
	config := c.coreConfig()
	config.ConnectNow = c.cfg.Username != "" || c.cfg.RejectOldCluster
	object, err := boundary.Open(ctx, method.ClientOpen, config, nil)
	if err != nil {
		if c.cfg.RejectOldCluster && boundary.KindOf(err) == ffi.Kind(codes.FailedPrecondition) {
			return ErrOldCluster
		}
		return err
	}
	c.object = c.cfg.limit(object)
	return nil
}

func (c *Client) coreConfig() *bridgepb.ClientConfig {
	cfg := &c.cfg
	config := &bridgepb.ClientConfig{
		Endpoints:             c.reachableAll(c.endpoints),
		User:                  cfg.Username,
		Password:              cfg.Password,
		Token:                 cfg.Token,
		KeepaliveTimeMs:       cfg.DialKeepAliveTime.Milliseconds(),
		KeepaliveTimeoutMs:    cfg.DialKeepAliveTimeout.Milliseconds(),
		KeepaliveWithoutCalls: cfg.PermitWithoutStream,
		RejectOldCluster:      cfg.RejectOldCluster,
		Server:                c.server,
	}
	if len(c.endpoints) == 1 {
		config.ConnectTimeoutMs = loneEndpointTimeout.Milliseconds()
	}
	return config
}

// limit bounds the messages of a client of the core.
func (cfg *Config) limit(object *boundary.Object) *boundary.Object {
	object.SendMax, object.RecvMax = defaultMaxSendBytes, defaultMaxRecvBytes
	if cfg.MaxCallSendMsgSize > 0 {
		object.SendMax = cfg.MaxCallSendMsgSize
	}
	if cfg.MaxCallRecvMsgSize > 0 {
		object.RecvMax = cfg.MaxCallRecvMsgSize
	}
	return object
}

// core is the core's client.
func (c *Client) core() (*boundary.Object, error) {
	if c.object == nil {
		return nil, errors.New("etcdclient: a client of NewCtxClient has no connection: set the service that is called")
	}
	return c.object, nil
}

// coreFor is the core's client for calls under the context.
func (c *Client) coreFor(ctx context.Context) (*boundary.Object, error) {
	core, err := c.core()
	if err != nil || !requiresLeader(ctx) {
		return core, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strict == nil && c.ctx.Err() == nil {
		config := c.coreConfig()
		config.RequireLeader = true
		strict, err := boundary.Open(ctx, method.ClientOpen, config, nil)
		if err != nil {
			return nil, err
		}
		c.strict = c.cfg.limit(strict)
	}
	if c.strict == nil {
		return core, nil
	}
	return c.strict, nil
}

// reachable is the address at which the core finds an endpoint.
func (c *Client) reachable(endpoint string) string {
	if c.relay == nil {
		return endpoint
	}
	return c.relay.address(endpoint)
}

func (c *Client) reachableAll(endpoints []string) []string {
	addresses := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		addresses[i] = c.reachable(endpoint)
	}
	return addresses
}

// Endpoints are the current endpoints.
func (c *Client) Endpoints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(make([]string, 0, len(c.endpoints)), c.endpoints...)
}

// SetEndpoints replaces the endpoints.
func (c *Client) SetEndpoints(eps ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoints = slices.Clone(eps)
	request := &bridgepb.Endpoints{Endpoints: c.reachableAll(eps)}
	for _, object := range []*boundary.Object{c.object, c.strict} {
		if object == nil {
			continue
		}
		if _, err := object.Call(c.ctx, method.ClientSetEndpoints, request, nil); err != nil {
			c.GetLogger().Warn("the endpoints could not be replaced", zap.Strings("endpoints", eps), zap.Error(err))
		}
	}
}

// Sync replaces the endpoints by those that the members of the cluster announce.
func (c *Client) Sync(ctx context.Context) error {
	response, err := c.MemberList(ctx)
	if err != nil {
		return err
	}
	var endpoints []string
	for _, member := range response.Members {
		// A member without a name has not started yet, and learners do not serve all calls.
		if member.Name != "" && !member.IsLearner {
			endpoints = append(endpoints, member.ClientURLs...)
		}
	}
	if len(endpoints) > 0 {
		c.SetEndpoints(endpoints...)
	}
	return nil
}

func (c *Client) autoSync() {
	ticker := time.NewTicker(c.cfg.AutoSyncInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(c.ctx, syncTimeout)
		err := c.Sync(ctx)
		cancel()
		if err != nil && c.ctx.Err() == nil {
			c.GetLogger().Info("Auto sync endpoints failed.", zap.Error(err))
		}
	}
}

// Close ends the client: its calls, watches and keep-alives. Leases live on until they expire. Closing again returns
// context.Canceled.
func (c *Client) Close() error {
	closed := c.ctx.Err()
	c.cancel()
	if c.Watcher != nil {
		c.Watcher.Close()
	}
	if c.Lease != nil {
		c.Lease.Close()
	}
	if c.object == nil {
		return c.ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.object.Close()
	if c.strict != nil {
		c.strict.Close()
	}
	if c.plain != nil {
		c.plain.Close()
	}
	c.relay.close()
	return closed
}

// RetryKVClient is the core as a client of the KV RPCs.
func RetryKVClient(c *Client) pb.KVClient { return pb.NewKVClient(c.Connection()) }

// RetryLeaseClient is the core as a client of the lease RPCs, except the keep-alive stream: see Client.KeepAlive.
func RetryLeaseClient(c *Client) pb.LeaseClient { return pb.NewLeaseClient(c.Connection()) }

// RetryClusterClient is the core as a client of the cluster RPCs.
func RetryClusterClient(c *Client) pb.ClusterClient { return pb.NewClusterClient(c.Connection()) }

// RetryAuthClient is the core as a client of the auth RPCs.
func RetryAuthClient(c *Client) pb.AuthClient { return pb.NewAuthClient(c.Connection()) }

// RetryMaintenanceClient is the core as a client of the maintenance RPCs, or a client of the given connection.
func RetryMaintenanceClient(c *Client, conn *grpc.ClientConn) pb.MaintenanceClient {
	if conn != nil {
		return pb.NewMaintenanceClient(conn)
	}
	return pb.NewMaintenanceClient(c.Connection())
}

// Dial opens a gRPC connection to an endpoint, with the TLS and the DialOptions of the Config but without a login. It
// is not the core's; for services that the Client does not have, such as health checks.
func (c *Client) Dial(ep string) (*grpc.ClientConn, error) {
	target, secure := dialTarget(ep, c.cfg.TLS)
	options := append([]grpc.DialOption{grpc.WithTransportCredentials(secure)}, c.cfg.DialOptions...)
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot dial %s: %w", ep, err)
	}
	return conn, nil
}

// ActiveConnection is a gRPC connection to the first endpoint as Dial opens it, made when it is first asked for and
// closed with the client; nil when it cannot be made.
func (c *Client) ActiveConnection() *grpc.ClientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plain == nil && len(c.endpoints) > 0 && c.ctx.Err() == nil {
		conn, err := c.Dial(c.endpoints[0])
		if err != nil {
			c.GetLogger().Warn("no connection", zap.Error(err))
			return nil
		}
		c.plain = conn
	}
	return c.plain
}
