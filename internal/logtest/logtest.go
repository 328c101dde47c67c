// Package logtest keeps what the subject of a test writes.
package logtest

import (
	"strings"
	"sync"
)

// A Text is all that was written to it. It is safe for concurrent use.
type Text struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds p.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String returns what was written so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Times returns how often it holds what.
func (t *Text) Times(what string) int { return strings.Count(t.String(), what) }
