// Package clientv3util has conditions that transactions often need.
package clientv3util

import clientv3 "github.com/etcdkit/etcdkit/bindings/go"

// KeyExists is the condition that a key exists.
func KeyExists(key string) clientv3.Cmp { return clientv3.Compare(clientv3.Version(key), ">", 0) }

// KeyMissing is the condition that a key does not exist.
func KeyMissing(key string) clientv3.Cmp { return clientv3.Compare(clientv3.Version(key), "=", 0) }
