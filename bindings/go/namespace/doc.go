// Package namespace puts a prefix before every key of a service, so that a program sees the keys below the prefix as
// if they were all there is:
//
//	client.KV = namespace.NewKV(client.KV, "my-prefix/")
//	client.Watcher = namespace.NewWatcher(client.Watcher, "my-prefix/")
//	client.Lease = namespace.NewLease(client.Lease, "my-prefix/")
package namespace
