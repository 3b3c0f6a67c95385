package yaml_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcdkit/etcdkit/bindings/go/yaml"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileSaysHowToConnect(t *testing.T) {
	config, err := yaml.NewConfig(write(t, "endpoints: [a:1, b:2]\ndial-timeout: 5000000000\nusername: u\npassword: p\ninsecure-transport: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(config.Endpoints, []string{"a:1", "b:2"}) || config.DialTimeout != 5*time.Second || config.Username != "u" {
		t.Errorf("read %+v", config)
	}
	if config.TLS != nil {
		t.Error("insecure-transport is TLS")
	}
	config, err = yaml.NewConfig(write(t, "endpoints: [a:1]\ninsecure-skip-tls-verify: true\n"))
	if err != nil || config.TLS == nil || !config.TLS.InsecureSkipVerify {
		t.Errorf("read %+v %v", config, err)
	}
}

func TestAFileThatCannotBeUsedSaysWhy(t *testing.T) {
	for text, why := range map[string]string{
		"endpoints: [":                  "yaml",
		"trusted-ca-file: /nowhere":     "/nowhere",
		"cert-file: /no\nkey-file: /no": "/no",
	} {
		if _, err := yaml.NewConfig(write(t, text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
