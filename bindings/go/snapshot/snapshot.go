// Package snapshot saves a copy of a server's storage to a file.
package snapshot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

const (
	// pageBytes divides the size of the storage's file, behind which the checksum is.
	pageBytes = 512
	// private lets nobody else read the copy, which holds all keys.
	private = 0o600
)

// SaveWithVersion saves the storage of the one server that cfg names to dbPath and returns the version of the storage.
// The file appears when it is complete and on disk.
func SaveWithVersion(ctx context.Context, lg *zap.Logger, cfg clientv3.Config, dbPath string) (version string, err error) {
	if len(cfg.Endpoints) != 1 {
		return "", fmt.Errorf("snapshot must be requested to one selected node, not multiple %v", cfg.Endpoints)
	}
	cfg.Logger = lg.Named("client")
	client, err := clientv3.New(cfg)
	if err != nil {
		return "", err
	}
	defer client.Close()
	part := dbPath + ".part"
	defer os.Remove(part)
	if version, err = fetch(ctx, client, part); err != nil {
		return version, err
	}
	if err := os.Rename(part, dbPath); err != nil {
		return version, fmt.Errorf("could not rename %s to %s (%w)", part, dbPath, err)
	}
	lg.Info("saved", zap.String("path", dbPath), zap.String("etcd-version", version))
	return version, nil
}

func fetch(ctx context.Context, client *clientv3.Client, path string) (string, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, private)
	if err != nil {
		return "", fmt.Errorf("could not open %s (%w)", path, err)
	}
	defer file.Close()
	response, err := client.SnapshotWithVersion(ctx)
	if err != nil {
		return "", err
	}
	defer response.Snapshot.Close()
	size, err := io.Copy(file, response.Snapshot)
	switch {
	case err != nil:
		return response.Version, fmt.Errorf("could not write snapshot: %w", err)
	case size%pageBytes != sha256.Size:
		return response.Version, fmt.Errorf("sha256 checksum not found [bytes: %d]", size)
	}
	if err := file.Sync(); err != nil {
		return response.Version, fmt.Errorf("could not fsync snapshot: %w", err)
	}
	return response.Version, nil
}
