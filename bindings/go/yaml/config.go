// Package yaml reads the configuration of a client from a file, with the names of go.etcd.io/etcd/client/v3's package
// of this name.
package yaml

import (
	"crypto/tls"
	"fmt"
	"os"

	"go.etcd.io/etcd/client/pkg/v3/tlsutil"
	"sigs.k8s.io/yaml"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// file is a Config and what only a file says.
type file struct {
	clientv3.Config

	InsecureTransport     bool   `json:"insecure-transport"`
	InsecureSkipTLSVerify bool   `json:"insecure-skip-tls-verify"`
	CertFile              string `json:"cert-file"`
	KeyFile               string `json:"key-file"`
	TrustedCAFile         string `json:"trusted-ca-file"`
	// CAFile is what trusted-ca-file was called once; it is read and, as upstream does, not used.
	CAFile string `json:"ca-file"`
}

// NewConfig reads a file such as
//
//	endpoints: ["https://localhost:2379"]
//	dial-timeout: 5000000000
//	trusted-ca-file: ca.pem
//
// Times are in nanoseconds. Unless it says `insecure-transport: true`, connections are TLS.
func NewConfig(path string) (*clientv3.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var said file
	if err := yaml.Unmarshal(text, &said); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if said.InsecureTransport {
		return &said.Config, nil
	}
	said.Config.TLS, err = said.tls()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &said.Config, nil
}

func (said *file) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: said.InsecureSkipTLSVerify}
	if said.CertFile != "" && said.KeyFile != "" {
		cert, err := tlsutil.NewCert(said.CertFile, said.KeyFile, nil)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{*cert}
	}
	if said.TrustedCAFile != "" {
		roots, err := tlsutil.NewCertPool([]string{said.TrustedCAFile})
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	return config, nil
}
