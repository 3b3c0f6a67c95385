package clientv3

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc/grpclog"

	"go.etcd.io/etcd/client/pkg/v3/logutil"
)

// debugVariable of the environment sets the level of loggers that the client makes: "debug", "info", "warn", …
const debugVariable = "ETCD_CLIENT_DEBUG"

// SetLogger sets the logger of gRPC, which only the connections of Dial and ActiveConnection use.
//
// Deprecated: use grpclog.SetLoggerV2.
func SetLogger(l grpclog.LoggerV2) { grpclog.SetLoggerV2(l) }

// ClientLogLevel is the level that the environment variable ETCD_CLIENT_DEBUG asks for; info without it.
func ClientLogLevel() zapcore.Level {
	level := zapcore.InfoLevel
	if text := os.Getenv(debugVariable); text != "" && text != "true" {
		if parsed, err := zapcore.ParseLevel(text); err == nil {
			level = parsed
		}
	}
	return level
}

func (cfg *Config) logger() (*zap.Logger, error) {
	switch {
	case cfg.Logger != nil:
		return cfg.Logger, nil
	case cfg.LogConfig != nil:
		return cfg.LogConfig.Build()
	}
	logger, err := logutil.CreateDefaultZapLogger(ClientLogLevel())
	if err != nil {
		return nil, err
	}
	return logger.Named("etcd-client"), nil
}
