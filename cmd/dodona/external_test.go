//go:build no.bus.server

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestABuildWithoutAServerWantsOne: check and run say so before anything is made, and with a server elsewhere check is content.
func TestABuildWithoutAServerWantsOne(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	write := func(name, journal string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		text := fmt.Sprintf("sources: {s: {sim: {}, value: /walk}}\nfeeds: {f: {decimals: 2, every: 1s, from: [s]}}\nnode: {name: gw-1, data: %q}\n%s", data, journal)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	without := write("without.yaml", "")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check", without}, exitUsage, "journal.url: this build has no server of its own"},
		{[]string{"check", write("listen.yaml", "journal: {listen: \"127.0.0.1:0\"}\n")}, exitUsage, "journal.url: this build has no server of its own"},
		{[]string{"check", "--json", without}, exitUsage, `"message": "journal.url: this build has no server of its own`},
		{[]string{"run", without}, exitUsage, "journal.url: this build has no server of its own"},
		{[]string{"check", write("with.yaml", "journal: {url: \"nats://127.0.0.1:4222\"}\n")}, 0, "no mistakes"},
	} {
		var said bytes.Buffer
		code := execute(t.Context(), c.args, terminal{in: strings.NewReader(""), out: &said, err: &said})
		if code != c.code || !strings.Contains(said.String(), c.want) {
			t.Errorf("%v: exit %d, %q, want %d, %q", c.args, code, said.String(), c.code, c.want)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data folder was made: %v", err)
	}
}
