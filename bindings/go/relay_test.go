package clientv3_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// secured puts TLS before a server. It asks for a certificate of the client.
func secured(t *testing.T, endpoint string) (address string, certificate tls.Certificate) {
	t.Helper()
	certificate = selfSigned(t)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}, ClientAuth: tls.RequireAnyClientCert}
	listener := must(tls.Listen("tcp", "127.0.0.1:0", config))
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://"))
			if err != nil {
				near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
		}
	}()
	return listener.Addr().String(), certificate
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotAfter:              time.Now().Add(time.Hour),
		DNSNames:              []string{"etcd.test"},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}

func TestEverythingInATLSConfigIsHonoured(t *testing.T) {
	address, certificate := secured(t, start(t).Endpoint())
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	var asked, verified atomic.Int32
	config := &tls.Config{
		RootCAs:    roots,
		ServerName: "etcd.test",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked.Add(1)
			return &certificate, nil
		},
		VerifyConnection: func(tls.ConnectionState) error {
			verified.Add(1)
			return nil
		},
	}
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{"https://" + address}, TLS: config}))
	defer client.Close()
	ctx := within(t)
	must(client.Put(ctx, "key", "value"))
	must(client.Status(ctx, client.Endpoints()[0]))
	if asked.Load() == 0 || verified.Load() == 0 {
		t.Errorf("asked for a certificate %d times, verified %d", asked.Load(), verified.Load())
	}
}

func TestAServerThatIsNotTrustedIsNotSpokenTo(t *testing.T) {
	address, _ := secured(t, start(t).Endpoint())
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{address}, TLS: &tls.Config{ServerName: "etcd.test"}}))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if _, err := client.Put(ctx, "key", "value"); err == nil {
		t.Error("it was spoken to")
	}
}
