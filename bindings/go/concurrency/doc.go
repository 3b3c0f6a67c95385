// Package concurrency has locks, elections and transactions of memory, in the shape of
// go.etcd.io/etcd/client/v3/concurrency and with its keys: locks and elections exclude the programs of every etcdkit
// language, Go programs on etcd's own client, and `etcdctl lock` and `elect`.
//
// Locks and elections are the core's. A lock is held as long as its session lives; whoever needs to be sure at the
// moment of a write adds Mutex.IsOwner to its transaction, or uses Mutex.Fence.
//
// They see the keys as the client does, also one whose KV is of package namespace. A KV of another kind that was put
// around Client.KV is not asked.
package concurrency
