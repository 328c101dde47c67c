package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/all"
)

// TestANodeThatLostItsKeysDoesNotBecomeAnother: its records would be nobody's, and its answers those of another network.
func TestANodeThatLostItsKeysDoesNotBecomeAnother(t *testing.T) {
	for name, lost := range map[string]string{"the key": keyFile, "all of keys/": "keys"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text := fmt.Sprintf("node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {f: {every: 1s, from: [s]}}\n", dir)
			n := openNode(t, text, Options{})
			run(t, n)()
			n.close()
			if err := os.RemoveAll(filepath.Join(dir, lost)); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources(), Sinks: all.Sinks()})
			if err == nil || !strings.Contains(err.Error(), "has run before") || !strings.Contains(err.Error(), filepath.Join(dir, keyFile)) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, keyFile)); err == nil {
				t.Error("another key was made")
			}
		})
	}
}
