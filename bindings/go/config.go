package clientv3

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const (
	// defaultMaxSendBytes is the largest request unless Config says otherwise; a server accepts 1.5 MiB by default.
	defaultMaxSendBytes = 2 << 20
	defaultMaxRecvBytes = math.MaxInt32
)

// Config says how a Client is made. Endpoints is all it needs.
type Config struct {
	// Endpoints of the cluster: `host:port`, `http://host:port`, `https://host:port`, `unix:path`.
	Endpoints []string `json:"endpoints"`

	// AutoSyncInterval is how often the endpoints are replaced by those the members announce. 0: never.
	AutoSyncInterval time.Duration `json:"auto-sync-interval"`

	// DialTimeout bounds what New does with the server: logging in and RejectOldCluster. 0: no bound.
	DialTimeout time.Duration `json:"dial-timeout"`

	// DialKeepAliveTime is the silence after which a connection is probed. 0: 10 seconds.
	DialKeepAliveTime time.Duration `json:"dial-keep-alive-time"`

	// DialKeepAliveTimeout is how long a probe may stay unanswered before the connection is given up. 0: 3 seconds.
	DialKeepAliveTimeout time.Duration `json:"dial-keep-alive-timeout"`

	// MaxCallSendMsgSize is the largest request in bytes. 0: 2 MiB.
	MaxCallSendMsgSize int

	// MaxCallRecvMsgSize is the largest response in bytes. 0: 2 GiB.
	MaxCallRecvMsgSize int

	// TLS makes all connections TLS. Everything in it is honoured, callbacks too: connections are made by Go then.
	TLS *tls.Config

	// Username and Password log the client in, and again whenever its token has expired.
	Username string `json:"username"`
	Password string `json:"password"`

	// Token is used instead of a login. Not together with Username.
	Token string `json:"token"`

	// RejectOldCluster makes New fail with ErrOldCluster on a cluster older than the releases that are supported.
	RejectOldCluster bool `json:"reject-old-cluster"`

	// DialOptions apply to the connections of Dial and ActiveConnection. The core's own connections are not gRPC-Go's:
	// interceptors do not see them.
	DialOptions []grpc.DialOption

	// Context is the parent of Client.Ctx. nil: the background context.
	Context context.Context

	// Logger takes the messages of the client. nil: one is made of LogConfig, or else writes warnings to standard error.
	Logger *zap.Logger

	// LogConfig makes a logger.
	LogConfig *zap.Config

	// PermitWithoutStream probes connections without calls, too. etcd closes connections that do that often.
	PermitWithoutStream bool `json:"permit-without-stream"`

	// MaxUnaryRetries, BackoffWaitBetween and BackoffJitterFraction are decided by the core; they exist so that
	// programs that set them compile.
	MaxUnaryRetries       uint          `json:"max-unary-retries"`
	BackoffWaitBetween    time.Duration `json:"backoff-wait-between"`
	BackoffJitterFraction float64       `json:"backoff-jitter-fraction"`
}

func (cfg *Config) check() error {
	if len(cfg.Endpoints) == 0 {
		return ErrNoAvailableEndpoints
	}
	if cfg.Token != "" && (cfg.Username != "" || cfg.Password != "") {
		return ErrMutuallyExclusiveCfg
	}
	if send, recv := cfg.MaxCallSendMsgSize, cfg.MaxCallRecvMsgSize; recv > 0 && send > recv {
		return fmt.Errorf("gRPC message recv limit (%d bytes) must be greater than send limit (%d bytes)", recv, send)
	}
	return nil
}

// ConfigSpec is a Config as command lines and files give it.
type ConfigSpec struct {
	Endpoints          []string      `json:"endpoints"`
	RequestTimeout     time.Duration `json:"request-timeout"`
	DialTimeout        time.Duration `json:"dial-timeout"`
	KeepAliveTime      time.Duration `json:"keepalive-time"`
	KeepAliveTimeout   time.Duration `json:"keepalive-timeout"`
	MaxCallSendMsgSize int           `json:"max-request-bytes"`
	MaxCallRecvMsgSize int           `json:"max-recv-bytes"`
	Secure             *SecureConfig `json:"secure"`
	Auth               *AuthConfig   `json:"auth"`
}

// SecureConfig names the files of a TLS configuration.
type SecureConfig struct {
	Cert       string `json:"cert"`
	Key        string `json:"key"`
	Cacert     string `json:"cacert"`
	ServerName string `json:"server-name"`

	InsecureTransport  bool `json:"insecure-transport"`
	InsecureSkipVerify bool `json:"insecure-skip-tls-verify"`
}

// AuthConfig is who a client is.
type AuthConfig struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Token    string `json:"token"`
}

// Empty tells whether nothing is set.
func (cfg AuthConfig) Empty() bool { return cfg == AuthConfig{} }

// Clone is a deep copy.
func (cs *ConfigSpec) Clone() *ConfigSpec {
	if cs == nil {
		return nil
	}
	clone := *cs
	if len(cs.Endpoints) > 0 {
		clone.Endpoints = slices.Clone(cs.Endpoints)
	}
	clone.Secure = pointerTo(cs.Secure)
	clone.Auth = pointerTo(cs.Auth)
	return &clone
}

// NewClientConfig makes a Config of a ConfigSpec, and reads the files it names.
func NewClientConfig(spec *ConfigSpec, lg *zap.Logger) (*Config, error) {
	secure, err := spec.Secure.load(lg)
	if err != nil {
		return nil, err
	}
	cfg := &Config{
		Endpoints:            spec.Endpoints,
		DialTimeout:          spec.DialTimeout,
		DialKeepAliveTime:    spec.KeepAliveTime,
		DialKeepAliveTimeout: spec.KeepAliveTimeout,
		MaxCallSendMsgSize:   spec.MaxCallSendMsgSize,
		MaxCallRecvMsgSize:   spec.MaxCallRecvMsgSize,
		TLS:                  secure,
	}
	if spec.Auth != nil {
		cfg.Username, cfg.Password, cfg.Token = spec.Auth.Username, spec.Auth.Password, spec.Auth.Token
	}
	return cfg, nil
}

func (sc *SecureConfig) load(lg *zap.Logger) (*tls.Config, error) {
	if sc == nil {
		return nil, nil
	}
	var cfg *tls.Config
	if sc.Cert != "" || sc.Key != "" || sc.Cacert != "" || sc.ServerName != "" {
		files := transport.TLSInfo{CertFile: sc.Cert, KeyFile: sc.Key, TrustedCAFile: sc.Cacert, ServerName: sc.ServerName, Logger: lg}
		loaded, err := files.ClientConfig()
		if err != nil {
			return nil, err
		}
		cfg = loaded
	}
	if cfg == nil && (!sc.InsecureTransport || sc.InsecureSkipVerify) {
		cfg = &tls.Config{}
	}
	if sc.InsecureSkipVerify {
		cfg.InsecureSkipVerify = true
	}
	return cfg, nil
}

func pointerTo[T any](value *T) *T {
	if value == nil {
		return nil
	}
	copied := *value
	return &copied
}
