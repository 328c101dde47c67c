package node

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/internal/keyfile"
)

// TestANodeThatLostItsKeysDoesNotBecomeAnother: its records would be nobody's, and its answers those of another network.
func TestANodeThatLostItsKeysDoesNotBecomeAnother(t *testing.T) {
	for name, lost := range map[string]string{"the key": "keys/node.json", "all of keys/": "keys"} {
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
			if err == nil || !strings.Contains(err.Error(), "has run before") || !strings.Contains(err.Error(), keyfile.Own(dir)) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(keyfile.Own(dir)); err == nil {
				t.Error("another key was made")
			}
		})
	}
}

// TestANodeThatLostItsSaltsSaysWhatThatMeans, at the start that makes them anew, and at no other one.
func TestANodeThatLostItsSaltsSaysWhatThatMeans(t *testing.T) {
	dir := t.TempDir()
	text := fmt.Sprintf("node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {f: {every: 1s, from: [s]}}\n", dir)
	for _, start := range []struct {
		name string
		lost bool
	}{{"first", false}, {"second", false}, {"after the loss", true}, {"next", false}} {
		if start.lost {
			if err := os.Remove(filepath.Join(dir, saltFile)); err != nil {
				t.Fatal(err)
			}
		}
		var told strings.Builder
		n := openNode(t, text, Options{Log: slog.New(slog.NewTextHandler(&told, nil))})
		said := n.id.lost
		n.close()
		if (said != "") != start.lost || strings.Contains(told.String(), "cannot be exported") != start.lost {
			t.Errorf("%s start: it says %q, and the log %s", start.name, said, told.String())
		}
	}
}

// TestADamagedKeySaysWhatToDo, and names the file.
func TestADamagedKeySaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	key, password := filepath.Join(dir, "node.json"), filepath.Join(dir, "password")
	if _, err := ownKey(key, password); err != nil {
		t.Fatal(err)
	}
	if _, err := ownKey(key, password); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(key, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ownKey(key, password); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "from a backup") {
		t.Errorf("got %v", err)
	}
}
