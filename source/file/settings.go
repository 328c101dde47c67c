// Package file observes a file: a JSON document that is read anew for each instant that a feed asks for, or
// lines that are followed as they are written, across rotation.
//
// A line counts once its end is there (LF, CR or both); what a file ends in counts when the file was rotated away and its writer
// went on. Blank lines count for nothing. A reading is as old as the last write of its file (see time), so name the time that stands in the
// document, if one does: value: {pointer: /t, time: /ts}. A log is known again by its inode, by when it was made and by what stands in it, whatever its name, beside
// its path, beside where that leads if it is a link, and in a folder there. So rotation may rename it, link it, copy and truncate it, or
// put it away, while Dodona runs, lags or is stopped; several turns are read in their order, whether .1 is the newest file or the oldest. A file that was rotated away is read
// alone as long as only it grows, and beside the new one after that (the last twenty of them; the four that grew last after a restart),
// so a writer that is told late, or never, loses nothing. What is compressed is not read: with logrotate, write delaycompress beside compress. What may be lost is
// logged and counted as dropped.
package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "file". It is polled for a document and pushed for lines.
var Kind = source.NewPolled("file", open)

// Settings say which file, and how to read it.
type Settings struct {
	// Path of the file. It need not exist yet. For lines its last part may be a pattern (* and ?): then every file in the
	// folder whose name matches is followed, those that come later too, each an item of the source called by its name, at most
	// 64 at once (those written last). What rotation made of one is no other: app.log.1, app-20261122.log. A number of a device
	// that is no date is: meter-100200.jsonl beside meter.jsonl. Required.
	Path string `yaml:"path" path:"pattern"`
	// Format: document (one JSON document, read whole for each instant a feed asks for) or lines (one JSON document a line,
	// followed as they are written, across rotation by rename, link, copy and truncation; not below /proc and /sys). Default: document.
	Format Format `yaml:"format,omitempty"`
	// Every is the least time between two readings of a document, also after one that failed, and the time between two looks for new lines.
	// Default: 0s for a document, one for each instant a feed asks for; 1s for lines.
	Every time.Duration `yaml:"every,omitempty"`
	// Expect is how often new lines should come: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// From is where to begin in lines that were there before the first start: start or end. Later starts go on where
	// the last one ended. Default: start.
	From From `yaml:"from,omitempty"`
	// Time of a reading where its rule names none in the document: modified, when the file was last written, so that a writer that died
	// is seen (of lines that came together, all but the last are as old as the look before); or read, when it was read, for what somebody sets by hand and for shares and file systems whose times mean nothing. What the
	// kernel makes as it is read (/proc, /sys) has the time when it was read. Default: modified.
	Time TimeOf `yaml:"time,omitempty"`
	// MaxLine is the longest line without its end; a longer one is dropped and counted. At most 1MiB. Default: 64KiB.
	MaxLine unit.Size `yaml:"max_line,omitempty"`
	// MaxSize of a document; a larger one is an error. At most 4MiB. Default: 1MiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
}

// Format is how a file is read.
type Format string

// The formats.
const (
	formatDocument Format = "document"
	formatLines    Format = "lines"
)

// Words returns the formats.
func (Format) Words() []string { return []string{string(formatDocument), string(formatLines)} }

// From is where to begin.
type From string

// Where to begin.
const (
	fromStart From = "start"
	fromEnd   From = "end"
)

// Words returns where to begin.
func (From) Words() []string { return []string{string(fromStart), string(fromEnd)} }

// TimeOf is what the time of a reading is.
type TimeOf string

// What the time of a reading is.
const (
	timeModified TimeOf = "modified"
	timeRead     TimeOf = "read"
)

// Words returns what the time of a reading can be.
func (TimeOf) Words() []string { return []string{string(timeModified), string(timeRead)} }

const (
	defaultLook  = time.Second
	lineLimit    = unit.MiB
	sizeLimit    = 4 * unit.MiB
	leastMaxLine = 16
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Format = formatDocument
	s.From = fromStart
	s.Time = timeModified
	s.MaxLine = 64 * unit.KiB
	s.MaxSize = unit.MiB
}

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	if s.Pushed() && s.Every == 0 {
		s.Every = defaultLook
	}
}

// Pushed reports whether the file is followed rather than read anew.
func (s *Settings) Pushed() bool { return s.Format == formatLines }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Pushed() {
		return source.Pace{Expect: s.Expect, Of: "new line"}
	}
	return source.Pace{Every: s.Every}
}

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size {
	if s.Pushed() && isPattern(s.Path) {
		return mergedBytes + maxBatchBytes + s.MaxLine
	}
	if s.Pushed() {
		return maxBatchBytes + s.MaxLine
	}
	return s.MaxSize
}

// Peer names what the source reads.
func (s *Settings) Peer() string { return s.Path }

// Check says what is wrong with the settings. It does not look at the file.
func (s *Settings) Check() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Format == formatDocument || s.Format == formatLines, "format: %q: want document or lines", s.Format)
	want(s.From == fromStart || s.From == fromEnd, "from: %q: want start or end", s.From)
	want(s.Time == timeModified || s.Time == timeRead, "time: %q: want modified or read; a time that stands in the document is named by its rule: value: {pointer: /t, time: /ts}", s.Time)
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want 0s, or at least 10ms", unit.FormatDuration(s.Every))
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.MaxLine >= leastMaxLine && s.MaxLine <= lineLimit, "max_line: %s: want %dB to %s", s.MaxLine, leastMaxLine, lineLimit)
	want(s.MaxSize > 0 && s.MaxSize <= sizeLimit, "max_size: %s: want 1B to %s", s.MaxSize, sizeLimit)
	return errors.Join(append(errs, s.checkPath())...)
}

func (s *Settings) checkPath() error {
	switch {
	case s.Path == "":
		return errors.New("path: missing, want the path of a file")
	case s.Format == formatDocument && isPattern(s.Path):
		return errors.New("path: a pattern goes with format: lines; a document is one file, so name it")
	case isPattern(s.Path) && badPattern(s.Path):
		return fmt.Errorf("path: %q: the pattern in its last part cannot be read; it has * for any text, ? for one character and [a-z] for one of some", s.Path)
	case strings.ContainsAny(filepath.Dir(s.Path), "*?"):
		return fmt.Errorf("path: %q: only its last part may be a pattern", s.Path)
	}
	return nil
}

func badPattern(path string) bool {
	_, err := filepath.Match(filepath.Base(path), "")
	return err != nil
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
