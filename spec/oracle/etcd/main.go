// Command etcd is the reference server: the published etcd, unchanged.
// Every scenario of the behaviour spec must hold on it before it may hold on ours.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
