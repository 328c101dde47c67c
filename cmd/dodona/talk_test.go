package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestATalkIsInOrderAndWhole where its reader keeps up, and says how much is missing where it did not.
func TestATalkIsInOrderAndWhole(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"text": "level=WARN", "json": `"level":"WARN"`} {
		reader, writer := io.Pipe()
		said := newTalk(writer, jsonFormat)
		if format == "text" {
			said = newTalk(writer, "text")
		}
		line := strings.Repeat("x", 1023) + "\n"
		fmt.Fprintln(said, "first")
		for range 2 * maxTalk / len(line) { // nobody reads: it returns all the same
			if n, err := io.WriteString(said, line); n != len(line) || err != nil {
				t.Fatalf("wrote %d, %v", n, err)
			}
		}
		var heard bytes.Buffer
		done := make(chan struct{})
		go func() {
			_, _ = io.Copy(&heard, reader)
			close(done)
		}()
		said.end()
		_ = writer.Close()
		<-done
		lines := strings.Split(strings.TrimSpace(heard.String()), "\n")
		last := lines[len(lines)-1]
		if lines[0] != "first" || !strings.Contains(last, "had stopped reading") || !strings.Contains(last, want) || !strings.Contains(last, fmt.Sprint(2*maxTalk/len(line)-(len(lines)-2))) {
			t.Errorf("%s: %d lines, the first %q, the last %q", format, len(lines), lines[0], last)
		}
	}
}
