package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// awaitSaid waits until the process has said text.
func (p *process) awaitSaid(text string) {
	p.t.Helper()
	eventually(p.t, patience, func() error {
		if !strings.Contains(p.stderr.String(), text) {
			return fmt.Errorf("it does not say %q but:\n%s", text, p.stderr)
		}
		return nil
	})
}

// TestANodeThatStartsSurvivesHangupsAndEndsWell: it waits for a journal that is not there.
func TestANodeThatStartsSurvivesHangupsAndEndsWell(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts nodes")
	}
	dir := t.TempDir()
	listen := freeAddress(t)
	text := "node: {data: ./data}\napi: {listen: \"" + listen + "\"}\njournal: {url: \"nats://127.0.0.1:1\"}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {from: [s]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "node.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, dir, "run", "node.yaml")
	p.awaitSaid("does not answer")
	if code, _, talk := said(t, "status", "--api", "http://"+listen); code != exitFailing || !strings.Contains(talk, "the journal is being opened") {
		t.Errorf("its status: %d, want %d: %s", code, exitFailing, talk)
	}
	for range 10 {
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("it ended with %d, want %d; it said:\n%s", code, exitDone, p.stderr)
	}
	p.awaitSaid("interrupted before the node had started")
}

// TestACommandThatReadsAPipeCanBeInterrupted: also a terminal is a file that may never end.
func TestACommandThatReadsAPipeCanBeInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	for _, command := range []string{"verify", "replay", "check", "run"} {
		dir := t.TempDir()
		pipe := filepath.Join(dir, "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		p := launch(t, dir, command, pipe)
		var w *os.File
		eventually(t, patience, func() (err error) { // until it reads
			w, err = os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			return err
		})
		p.stop() // which waits: one that could not be interrupted would read until w is closed
		_ = w.Close()
	}
}

// TestAReloadFromAPipeIsRefused: reading it again might wait for ever.
func TestAReloadFromAPipeIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a node")
	}
	dir := t.TempDir()
	config := twoLines(t, dir, price(t, `{"p":1}`))
	p := launch(t, dir, "run", config, "--listen", "127.0.0.1:0")
	p.awaitURL()
	if err := errors.Join(os.Remove(config), syscall.Mkfifo(config, 0o600), p.cmd.Process.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	p.awaitSaid("no regular file")
	if code := p.stop(); code != exitDone {
		t.Errorf("it ended with %d; it said:\n%s", code, p.stderr)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestACommandThatCannotPrintFails(t *testing.T) {
	config := twoLines(t, t.TempDir(), "http://127.0.0.1:1")
	for _, args := range [][]string{{"check", config}, {"check", "--expand", config}, {"kinds"}, {"kinds", "--json"}, {"schema"}} {
		var said bytes.Buffer
		code := execute(t.Context(), args, terminal{in: strings.NewReader(""), out: fullDisk{}, err: &said})
		if code != exitFailed || !strings.Contains(said.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%s with a full disk behind standard output: exit code %d, said %q", strings.Join(args, " "), code, &said)
		}
	}
}

func TestWhatIsNoBundleSaysSo(t *testing.T) {
	for _, text := range []string{"{}", "null", `{"round":7}`, `{"feed":{"name":"an.answer"}}`, "[]", "", "\x00"} {
		var said bytes.Buffer
		code := execute(t.Context(), []string{"replay", "-"}, terminal{in: strings.NewReader(text), out: &said, err: &said})
		if code != exitUsage || !strings.Contains(said.String(), "read bundle -: ") {
			t.Errorf("replay of %q: exit code %d, said %q", text, code, &said)
		}
	}
}
