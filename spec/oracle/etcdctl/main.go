// Command etcdctl is the reference command line client: the published etcdctl, unchanged.
package main

import "go.etcd.io/etcd/etcdctl/v3/ctlv3"

func main() {
	ctlv3.MustStart()
}
