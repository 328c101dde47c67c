package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestAHostOfThisMachineIsWarnedOf however it is written: a module that may fetch from it never reaches it.
func TestAHostOfThisMachineIsWarnedOf(t *testing.T) {
	c := mustLoad(t, `modules: {unsigned: true}
sources: {a: {http: {url: "http://127.0.0.1:1/x"}}}
feeds:
  x:
    from: [a]
    module:
      name: m
      version: 1.0.0
      allow: {http_get: [api.example, localhost, "localhost:8443", "127.0.0.2:443", "[::1]", localhost.example]}
`)
	var warned []string
	for _, w := range c.Warnings {
		if _, what, found := strings.Cut(fmt.Sprint(w), "module.allow.http_get: "); found {
			host, _, _ := strings.Cut(what, " ")
			warned = append(warned, host)
		}
	}
	if want := []string{`"localhost"`, `"localhost:8443"`, `"127.0.0.2:443"`, `"[::1]"`}; !slices.Equal(warned, want) {
		t.Errorf("warned of %s, want %s", warned, want)
	}
}
