// Package clientv3 is a client of etcd with the types and functions of go.etcd.io/etcd/client/v3, on the etcdkit core.
//
//	client, err := clientv3.New(clientv3.Config{
//		Endpoints:   []string{"localhost:2379"},
//		DialTimeout: 5 * time.Second,
//	})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
//	defer cancel()
//	_, err = client.Put(ctx, "key", "value")
//
// Programs written for etcd's own client change their import lines; README.md has the table. Messages and errors are
// those of go.etcd.io/etcd/api/v3, so errors compare as before:
//
//	if err == rpctypes.ErrCompacted { … }
//	if err == context.DeadlineExceeded { … }
//
// What happens on the way to the server (endpoints, retry, resuming of watches, keeping leases alive, logging in
// again) is the core's and the same in every language of etcdkit. A read that fails is tried again at another
// endpoint; a write only when it provably was not sent. A call ends with its context at the latest; one without a
// deadline waits until an endpoint can be reached.
//
// A Client is safe for use by many goroutines, and one per process is enough.
package clientv3
