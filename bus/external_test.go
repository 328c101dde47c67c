//go:build no.bus.server

package bus

import (
	"errors"
	"testing"
)

func TestABuildWithoutAServerMakesNone(t *testing.T) {
	if s, err := NewServer(ServerConfig{Dir: t.TempDir()}); !errors.Is(err, ErrNoServer) {
		t.Errorf("got %v, %v, want %v", s, err, ErrNoServer)
	}
}
