package bus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/durable"
)

// Broken reports whether only a new start helps: a store that could not write refuses all later writes.
func (s *Server) Broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sick || s.current == nil
}

// CannotWrite reports whether the store could not write since its start. What it could not write, and acknowledged to nobody, it then counts among
// what it dropped.
func (s *Server) CannotWrite() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full
}

// LivesAfter is how long the store must have run for the next start of it not to wait.
const LivesAfter = time.Minute

// longestRest is how long a store that breaks again and again is left alone at most: each start costs those who sign some rounds.
const longestRest = 15 * time.Second

// count notes that the store broke, by what it said. s.mu is held.
func (s *Server) count(trouble string) {
	if s.often++; time.Since(s.broke) > LivesAfter {
		s.often = 0
	}
	s.broke, s.trouble = time.Now(), trouble
}

// Rests returns why the store is not started again yet although it could be: it broke again and again, and would do so at once. Empty: it does not rest.
func (s *Server) Rests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.often < 2 || time.Since(s.broke) > (backoff.Backoff{Min: time.Second, Max: longestRest}).Ceiling(s.often-1) {
		return ""
	}
	return s.trouble + "; it broke again soon after a start, and rests before the next"
}

// BrokeOften returns what the store said when it broke the last time, while it has not lived for long since it broke again and again; else "".
func (s *Server) BrokeOften() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.often < 2 || time.Since(s.broke) > LivesAfter {
		return ""
	}
	return s.trouble + "; the store was started again, and breaks again and again"
}

// Ails says what is wrong with a store that is broken.
func (s *Server) Ails() string {
	switch {
	case s.CannotWrite():
		return "the store cannot write"
	case !s.Runs():
		return "the store does not run"
	}
	return "the store has dropped a record, or cannot read one"
}

// BreakDown notes that the store could not write, by what it said.
func (s *Server) BreakDown(trouble string) {
	s.mu.Lock()
	again := s.sick
	s.sick, s.full = true, true
	if !again {
		s.count(trouble)
	}
	s.mu.Unlock()
	if !again && s.Store.Broke != nil {
		s.Store.Broke()
	}
}

// GiveUp has the next restart begin anew, although the store says nothing of its trouble.
func (s *Server) GiveUp() {
	s.mu.Lock()
	s.sick = true
	s.mu.Unlock()
}

// A serverLog passes on what the server finds wrong, and notices when its store breaks.
type serverLog struct{ s *Server }

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}

func (l serverLog) Warnf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if stream, old := oldIndex(text); old {
		l.s.c.Log.Info("journal: it did not end in order, as after a kill or a power cut: the index of its records is made anew from them", "stream", stream)
		return
	}
	if strings.Contains(text, "] Stream state outdated, ") { // the next line says what of it
		l.s.c.Log.Debug("journal: " + text)
		return
	}
	l.s.c.Log.Warn("journal: " + text)
	told := l.s.Store.Dropped
	if stream := droppedFrom(text); stream != "" && told != nil && !l.s.Broken() { // at a start, what Check and Vouch find counts
		told(stream)
	}
}

// oldIndex returns the stream whose index is of before its last records, by what the store says when it opens it. It reads them then.
func oldIndex(text string) (stream string, old bool) {
	name, found := strings.CutPrefix(text, "Filestore [")
	stream, what, _ := strings.Cut(name, "] ")
	return stream, found && what == "Recovering stream state from index errored: prior state file" // of another error the words are its own
}

// droppedFrom returns the stream of which the store drops the end of a block, by what it says; "" if it says something else. Of most damage it
// says nothing.
func droppedFrom(text string) string {
	name, found := strings.CutPrefix(text, "Filestore [")
	name, what, _ := strings.Cut(name, "] ")
	if !found || !strings.HasPrefix(what, "indexCacheBuf corrupt") {
		return ""
	}
	return name
}

func (l serverLog) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.Contains(strings.ToLower(text), "write error") || durable.Full(errors.New(text)) {
		l.s.BreakDown(text)
	}
	l.s.c.Log.Error("journal: " + text)
}

func (l serverLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.s.mu.Lock()
	l.s.fatal = text
	l.s.mu.Unlock()
	l.s.c.Log.Error("journal: " + text)
}
