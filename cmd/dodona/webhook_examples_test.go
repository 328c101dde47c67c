//go:build integration

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A receiver is a running example that takes webhooks.
type receiver struct {
	cmd *exec.Cmd
	url string
}

// receive starts an example; the test's end ends it.
func receive(t *testing.T, script, secret, port, file string) *receiver {
	t.Helper()
	run := append(exampleProgram(t, script), port, file)
	r := &receiver{cmd: exec.CommandContext(t.Context(), run[0], run[1:]...)}
	r.cmd.Env, r.cmd.Stderr = append(os.Environ(), "WEBHOOK_SECRET="+secret), os.Stderr
	if strings.HasSuffix(script, ".py") {
		r.cmd.Stderr = nil // its server logs each request
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s does not say where it listens: %v", script, err)
	}
	r.url = strings.TrimSpace(line)
	return r
}

func (r *receiver) end() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// A taken is a line that a receiver keeps.
type taken struct {
	ID, Feed, Value string
	Round           uint64
}

func takenIn(t *testing.T, file string) (list []taken) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var one taken
		if strings.HasSuffix(line, "\n") {
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			list = append(list, one)
		}
	}
	return list
}

// TestExampleReceiversTakeEachAnswerOnce: what a real sink signs they accept, what comes again they do not keep again, also after a restart, and
// another secret leaves the sink waiting.
func TestExampleReceiversTakeEachAnswerOnce(t *testing.T) {
	const secret, another = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for _, script := range []string{"webhook/receiver.mjs", "webhook/receiver.py"} {
		t.Run(filepath.Ext(script)[1:], func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			kept := filepath.Join(dir, "answers.jsonl")
			r := receive(t, script, secret, "0", kept)
			text := fmt.Sprintf("node: {data: ./data, key: {file: node.key}}\nsources: {walk: {sim: {every: 1s}}}\n"+
				"sinks:\n  desk: {webhook: {url: %q, secret: {file: secret}}}\n  wrong: {webhook: {url: %q, secret: {file: another}}}\n"+
				"feeds:\n  btc.usd: {unit: USD, decimals: 2, every: 1s, from: [walk]}\n", r.url, r.url)
			for name, content := range map[string]string{"gw.yaml": text, "secret": secret, "another": another} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := guideShell(t, dir, must(binary()), "dodona key new --raw node.key"); err != nil {
				t.Fatal(out)
			}
			node := launch(t, dir, "run", "gw.yaml", "--listen", "127.0.0.1:0")
			node.awaitURL()
			several := func(n int) {
				t.Helper()
				eventually(t, patience, func() error {
					if got := len(takenIn(t, kept)); got < n {
						return fmt.Errorf("%d answers", got)
					}
					return nil
				})
			}
			several(3)
			first := takenIn(t, kept)[0]
			again := func() {
				t.Helper()
				command := fmt.Sprintf("dodona sink resend --api %s desk btc.usd %d", node.url, first.Round)
				if out, err := guideShell(t, dir, must(binary()), command); err != nil || !strings.Contains(out, "delivered") {
					t.Errorf("$ %s\n%s%v", command, out, err)
				}
			}
			again()
			r.end()
			receive(t, script, secret, r.url[strings.LastIndex(r.url, ":")+1:], kept)
			again()
			several(len(takenIn(t, kept)) + 2)
			ids, last := make(map[string]bool), uint64(0)
			for _, one := range takenIn(t, kept) {
				if ids[one.ID] || one.Round <= last || one.Feed != "btc.usd" {
					t.Errorf("%+v is kept behind round %d", one, last)
				}
				ids[one.ID], last = true, one.Round
			}
			eventually(t, patience, func() error {
				status, err := get(node.url + "/v1/status")
				if err == nil && !strings.Contains(string(status), "HTTP status 401") {
					err = fmt.Errorf("no sink is stuck for the secret: %s", status)
				}
				return err
			})
		})
	}
}
