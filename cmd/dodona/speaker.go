package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// A speaker says what a node's owner must hear whatever log.level is: in sentences, or where the log is JSON in lines of it, so
// that whoever parses standard error is never met by another sort of line.
type speaker struct {
	w    io.Writer
	json *slog.Logger // nil: sentences
}

func newSpeaker(w io.Writer, format config.Format) speaker {
	if format != jsonFormat {
		return speaker{w: w}
	}
	return speaker{w, newLog(w, format, slog.LevelDebug)}
}

const jsonFormat config.Format = "json"

// say says a sentence, or instead of it a message and its attributes.
func (s speaker) say(sentence, message string, attributes ...any) {
	if s.json != nil {
		s.json.Info(message, attributes...)
		return
	}
	fmt.Fprintln(s.w, sentence)
}

// warn says what a configuration has that may not be meant.
func (s speaker) warn(warnings []strict.Mistake) {
	if s.json == nil {
		_ = strict.WriteWarnings(s.w, warnings) // nobody is left to tell
		return
	}
	for _, w := range warnings {
		s.json.Warn("configuration", "place", fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Column), "where", w.Where, "warning", w.Message, "hint", w.Hint)
	}
}

// last says with which error a node ends, and leaves its exit code.
func (s speaker) last(err error) error {
	if err == nil {
		return nil
	}
	var failed failure
	if !errors.As(err, &failed) {
		failed = failure{exitFailed, err}
	}
	switch {
	case failed.err == nil:
	case s.json != nil:
		s.json.Error("the node ends", "error", failed.err, "exit", failed.code)
	default:
		terminal{err: s.w}.complain(failed.err)
	}
	return failure{code: failed.code}
}
