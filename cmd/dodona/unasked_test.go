package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNobodyPrintsWhatAPeerSendsUnasked: a peer that sends a request back after its answer has all its secrets in it, and the
// library would write them to standard error.
func TestNobodyPrintsWhatAPeerSendsUnasked(t *testing.T) {
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 4096)
			n, _ := conn.Read(request)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n42"+string(request[:n]))
			_, _ = conn.Read(request) // until the program ends
			_ = conn.Close()
		}
	}()
	file := filepath.Join(t.TempDir(), "node.yaml")
	text := "sources: {s: {http: {url: \"http://" + l.Addr().String() + "/price\", bearer: hunter2secret}}}\nfeeds: {f: {unit: USD, decimals: 0, every: 1s, from: [s]}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 { // it may end before the library sees what is too much
		var talk bytes.Buffer
		cmd := exec.Command(program, "source", "read", file)
		cmd.Stderr = &talk
		if err := cmd.Run(); err != nil || strings.Contains(talk.String(), "hunter2") {
			t.Fatalf("%v, and on standard error: %s", err, talk.String())
		}
	}
}
