// Package file observes a file: a JSON document that is read anew for each instant that a feed asks for, or
// lines that are followed as they are written, across rotation.
package file

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "file". It is polled for a document and pushed for lines.
var Kind = source.NewPolled("file", open)

// Settings say which file, and how to read it.
type Settings struct {
	// Path of the file. It need not exist yet. Required.
	Path string `yaml:"path" path:"true"`
	// Format: document (one JSON document, read whole for each instant a feed asks for) or lines (one JSON document a line,
	// followed as they are written, across rotation by rename, link, copy and truncation). Default: document.
	Format string `yaml:"format,omitempty"`
	// Every is the least time between two readings of a document, also after one that failed, and the time between two looks for new lines.
	// Default: 0s for a document (one for each instant a feed asks for), 1s for lines.
	Every time.Duration `yaml:"every,omitempty"`
	// Expect is how often new lines should come: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// From is where to begin in lines that were there before the first start: start or end. Later starts go on where
	// the last one ended. Default: start.
	From string `yaml:"from,omitempty"`
	// MaxLine is the longest line without its end; a longer one is dropped and counted. At most 1MiB. Default: 64KiB.
	MaxLine unit.Size `yaml:"max_line,omitempty"`
	// MaxSize of a document; a larger one is an error. At most 4MiB. Default: 1MiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
}

const (
	formatDocument = "document"
	formatLines    = "lines"
	fromStart      = "start"
	fromEnd        = "end"

	defaultLook  = time.Second
	lineLimit    = unit.MiB
	sizeLimit    = 4 * unit.MiB
	leastMaxLine = 16
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Format = formatDocument
	s.From = fromStart
	s.MaxLine = 64 * unit.KiB
	s.MaxSize = unit.MiB
}

// Pushed reports whether the file is followed rather than read anew.
func (s *Settings) Pushed() bool { return s.Format == formatLines }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Pushed() {
		return source.Pace{Expect: s.Expect}
	}
	return source.Pace{Every: s.Every}
}

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size {
	if s.Pushed() {
		return maxBatchBytes + s.MaxLine
	}
	return s.MaxSize
}

// Peer names what the source reads.
func (s *Settings) Peer() string { return s.Path }

// Check says what is wrong with the settings. It does not look at the file.
func (s *Settings) Check() error {
	switch {
	case s.Path == "":
		return errors.New("path: missing, want the path of a file")
	case s.Format != formatDocument && s.Format != formatLines:
		return fmt.Errorf("format: %q: want document or lines", s.Format)
	case s.From != fromStart && s.From != fromEnd:
		return fmt.Errorf("from: %q: want start or end", s.From)
	case s.Every < 0 || (s.Every > 0 && s.Every < 10*time.Millisecond):
		return fmt.Errorf("every: %s: want 0s, or at least 10ms", unit.FormatDuration(s.Every))
	case s.Expect < 0:
		return fmt.Errorf("expect: %s: want 0s or more", s.Expect)
	case s.MaxLine < leastMaxLine || s.MaxLine > lineLimit:
		return fmt.Errorf("max_line: %s: want %dB to %s", s.MaxLine, leastMaxLine, lineLimit)
	case s.MaxSize <= 0 || s.MaxSize > sizeLimit:
		return fmt.Errorf("max_size: %s: want 1B to %s", s.MaxSize, sizeLimit)
	}
	return nil
}

func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	if s.Pushed() {
		return openTail(s, env), nil
	}
	return &document{settings: s, env: env}, nil
}
