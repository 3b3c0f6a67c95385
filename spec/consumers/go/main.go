package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func main() {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{os.Args[1]},
		DialTimeout: 5 * time.Second,
	})
	check(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	_, err = client.Put(ctx, "greeting", "hello")
	check(err)
	got, err := client.Get(ctx, "greeting")
	check(err)
	fmt.Printf("get %s = %s\n", got.Kvs[0].Key, got.Kvs[0].Value)

	for key, value := range map[string]string{"app/a": "A", "app/b": "B", "app/c": "C"} {
		_, err = client.Put(ctx, key, value)
		check(err)
	}
	found, err := client.Get(ctx, "app/", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
	check(err)
	fmt.Print("prefix")
	for _, kv := range found.Kvs {
		fmt.Printf(" %s=%s", kv.Key, kv.Value)
	}
	fmt.Println()

	txn, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.Value("greeting"), "=", "hello")).
		Then(clientv3.OpPut("greeting", "bye")).
		Else(clientv3.OpDelete("greeting")).
		Commit()
	check(err)
	fmt.Println("transaction", map[bool]string{true: "succeeded", false: "failed"}[txn.Succeeded])
	deleted, err := client.Delete(ctx, "app/", clientv3.WithPrefix())
	check(err)
	fmt.Println("deleted", deleted.Deleted)

	lease, err := client.Grant(ctx, 60)
	check(err)
	_, err = client.Put(ctx, "session", "here", clientv3.WithLease(lease.ID))
	check(err)
	got, err = client.Get(ctx, "session")
	check(err)
	fmt.Printf("session %s\n", got.Kvs[0].Value)
	_, err = client.Revoke(ctx, lease.ID)
	check(err)
	got, err = client.Get(ctx, "session")
	check(err)
	fmt.Println("session", map[bool]string{true: "gone", false: "left"}[got.Count == 0])

	watching, stop := context.WithCancel(ctx)
	events := client.Watch(watching, "watched")
	_, err = client.Put(ctx, "watched", "1")
	check(err)
	_, err = client.Delete(ctx, "watched")
	check(err)
	for response := range events {
		check(response.Err())
		for _, event := range response.Events {
			if event.Type == clientv3.EventTypePut {
				fmt.Printf("event put %s=%s\n", event.Kv.Key, event.Kv.Value)
				continue
			}
			fmt.Printf("event delete %s\n", event.Kv.Key)
			stop()
		}
	}

	session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	check(err)
	mutex := concurrency.NewMutex(session, "job")
	check(mutex.Lock(ctx))
	fmt.Println("locked")
	check(mutex.Unlock(ctx))
	check(session.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
