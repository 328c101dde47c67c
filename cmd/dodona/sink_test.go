package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestDeadLettersAreSentAgainOnceTheReceiverIsMended, under the names that they had.
func TestDeadLettersAreSentAgainOnceTheReceiverIsMended(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a node")
	}
	t.Parallel()
	var mu sync.Mutex
	var refused, taken []string
	mended := false
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		name := r.Header.Get("Idempotency-Key")
		if !mended && len(refused) < 2 {
			refused = append(refused, name)
			http.Error(w, "no such desk", http.StatusUnprocessableEntity)
			return
		}
		taken = append(taken, name)
	}))
	t.Cleanup(desk.Close)
	dir := t.TempDir()
	text := fmt.Sprintf("node: {data: ./data}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {every: 200ms, decimals: 2, from: [s]}}\n"+
		"sinks: {hook: {webhook: {url: %q}, give_up: 1}}\n", desk.URL)
	if err := os.WriteFile(filepath.Join(dir, "node.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	url := launch(t, dir, "run", "node.yaml").awaitURL()
	say := func(args ...string) (code int, out, talk string) {
		var o, e bytes.Buffer
		code = execute(t.Context(), append(args, "--api", url), terminal{in: strings.NewReader(""), out: &o, err: &e})
		return code, o.String(), e.String()
	}
	eventually(t, patience, func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(refused) < 2 || len(taken) == 0 {
			return errors.New("two answers are not refused yet, or none was taken since")
		}
		mended = true
		return nil
	})
	code, out, talk := say("sink", "resend", "hook")
	if code != exitDone || strings.Count(out, ": delivered, POST ") != 2 {
		t.Fatalf("exit code %d, %s%s", code, out, talk)
	}
	mu.Lock()
	for _, name := range refused {
		if !slices.Contains(taken, name) {
			t.Errorf("%s was not sent again", name)
		}
	}
	mu.Unlock()
	if code, out, talk := say("sink", "resend", "hook", "f", "latest"); code != exitDone || !strings.Contains(out, ": delivered, POST ") {
		t.Errorf("the latest: exit code %d, %s%s", code, out, talk)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"sink", "resend", "hook"}, exitFailed, "no dead letters"},
		{[]string{"sink", "resend", "other"}, exitFailed, `no sink "other"`},
		{[]string{"sink", "resend", "other", "f", "1795349070000"}, exitFailed, "this process runs hook"},
		{[]string{"sink", "resend", "hook", "f", "1795349070000"}, exitFailed, "the journal keeps no answer of f for round 2026-11-22T12:04:30Z"},
		{[]string{"sink", "resend", "hook", "f", "1795349070000"}, exitFailed, "1 of 1 record was not taken"},
		{[]string{"sink", "resend", "hook", "f"}, exitUsage, "say which round"},
		{[]string{"sink", "resend", "hook", "f", "yesterday"}, exitUsage, "want latest"},
	} {
		if code, _, talk := say(c.args...); code != c.code || !strings.Contains(talk, c.want) {
			t.Errorf("%q: exit code %d, want %d; %s, want %s", c.args, code, c.code, talk, c.want)
		}
	}
}
