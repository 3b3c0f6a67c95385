// Command clientv3 measures go.etcd.io/etcd/client/v3.
package main

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/etcdkit/etcdkit/benches/sdk/go/internal/rates"
)

func main() {
	endpoint, each := rates.Arguments()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	rates.Measure(rates.Client{
		Put: func(ctx context.Context, key, value string) error {
			_, err := client.Put(ctx, key, value)
			return err
		},
		Get: func(ctx context.Context, key string) error {
			_, err := client.Get(ctx, key)
			return err
		},
		Watch: func(ctx context.Context, prefix string, seen func(int)) {
			for response := range client.Watch(ctx, prefix, clientv3.WithPrefix()) {
				seen(len(response.Events))
			}
		},
	}, each)
}
