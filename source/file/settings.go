// Package file observes a file: a JSON document that is read anew for each instant that a feed asks for, lines of JSON or rows
// of CSV that are followed as they are written, across rotation; or files that others drop into a folder, each read whole (after).
//
// A line counts once its end is there (LF, CR or both); what a file ends in counts when the file was rotated away and its writer
// went on. Blank lines count for nothing. A reading is as old as the last write of its file (see time), so name the time that stands in the
// document, if one does: value: {pointer: /t, time: /ts}. A log is known again by its inode, by when it was made and by what stands in it, whatever its name, beside
// its path, beside where that leads if it is a link, and in a folder there. So rotation may rename it, link it, copy and truncate it, or
// put it away, while Dodona runs, lags or is stopped; several turns are read in their order, whether .1 is the newest file or the oldest. A file that was rotated away is read
// alone as long as only it grows, and beside the new one after that (the last twenty of them; the four that grew last after a restart),
// so a writer that is told late, or never, loses nothing. What is compressed is not read: with logrotate, write delaycompress beside compress. What may be lost is
// logged and counted as dropped.
//
// A row of CSV (RFC 4180; LF, CRLF or CR; with a byte order mark or not) is one reading, with the header in front of it. Rules take columns
// of it by name: value: {column: temperature, time: time}. A row with another number of columns than the header is bad, with its reason: it was cut, or two ran
// into one. A row that says the header again is passed over; one that names at least half of it has a new header, for the rows
// that follow. A file that begins with a number has no header: after a rotation that of the file before is taken. Where rows are followed, a row is a line; line
// ends within quotes are read in files that are dropped. A last row there without an end of line is uncertain.
//
// Of files that are dropped (after), what was read is in the journal before anything becomes of the file. It is taken under another name,
// .dodona-NAME, looked at once more, and moved or deleted; one that was written to meanwhile goes back, and is read on. What cannot be put away stays, is told,
// and is not read again. With keep, a folder may hold 4096 files; one that is written to after it was read is read whole again.
package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "file". It is polled for a document and pushed for lines.
var Kind = source.NewPolled("file", open)

// Settings say which file, and how to read it.
type Settings struct {
	// Path of the file. It need not exist yet. For lines and rows its last part may be a pattern (* and ?): then every file in the
	// folder whose name matches is followed, those that come later too, each an item of the source called by its name, at most
	// 64 at once (those written last). What rotation made of one is no other: app.log.1, app-20261122.log. A number of a device
	// that is no date is: meter-100200.jsonl beside meter.jsonl. Required.
	Path string `yaml:"path" path:"pattern"`
	// Format: document (one JSON document, read whole for each instant a feed asks for), lines (one JSON document a line,
	// followed as they are written, across rotation by rename, link, copy and truncation; not below /proc and /sys) or csv (the same for
	// rows of CSV, each a reading with the header before it, so that value: {column: temperature} finds its value). Default: document.
	Format Format `yaml:"format,omitempty"`
	// Delimiter is the character between two columns of csv, such as ";" or "\t". It holds for the rules of the source's points, which need not name it. A first
	// line that names it for Excel (sep=;) is passed over. Default: a comma.
	Delimiter string `yaml:"delimiter,omitempty"`
	// Header of csv: first (the first row names the columns; where a row in the middle does, those that follow are of the new header) or none
	// (a rule gives the number of a column, or names of its own with header). Default: first.
	Header Header `yaml:"header,omitempty"`
	// SkipLines is how many lines of a file of csv stand before its header, or before its rows. At most 1000. Default: 0.
	SkipLines int `yaml:"skip_lines,omitempty"`
	// Charset of csv that is not UTF-8: windows-1252 or iso-8859-1. Default: none.
	Charset Charset `yaml:"charset,omitempty"`
	// After is what becomes of a file once it was read whole and stands in the journal: keep, move (to into) or delete. With it, path is where
	// files are dropped that are written once, by SFTP say, and its last part may be a pattern whatever the format: each file that settled is read
	// whole, those that were written first at first. A file is never read twice, also after a kill; one that is dropped again under the same name
	// is a new one. Links, empty files, hidden ones, and names that end as unfinished ones do (.part, .tmp, .filepart) are not read. Default: none, the file is read anew or followed.
	After After `yaml:"after,omitempty"`
	// Into is the folder for files that were read, with after: move. It is made if it is missing, and may be on another file system. What has the
	// name there stays: the file gets the time of its last write into its name. Default: none.
	Into string `yaml:"into,omitempty" path:"true"`
	// Settle is how long a file has to stay as it is, in size and time, before it is read, with after; 0s for files that are renamed into the
	// folder when they are whole. Who still has a file open to write to it, on this machine, is waited for as far as the system tells. At most 1h. Default: 5s.
	Settle time.Duration `yaml:"settle,omitempty"`
	// Every is the least time between two readings of a document, also after one that failed, and the time between two looks for new lines, rows or files.
	// Default: 0s for a document, one for each instant a feed asks for; 1s for lines, rows and files that are dropped.
	Every time.Duration `yaml:"every,omitempty"`
	// Expect is how often new lines, rows or files should come: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// From is where to begin in lines and rows that were there before the first start: start or end. Later starts go on where
	// the last one ended. Files that are dropped are read from their start. Default: start.
	From From `yaml:"from,omitempty"`
	// Time of a reading where its rule names none in the document: modified, when the file was last written, so that a writer that died
	// is seen (of lines that came together, all but the last are as old as the look before); or read, when it was read, for what somebody sets by hand and for shares and file systems whose times mean nothing. What the
	// kernel makes as it is read (/proc, /sys) has the time when it was read. Default: modified.
	Time TimeOf `yaml:"time,omitempty"`
	// MaxLine is the longest line or row without its end; a longer one is dropped and counted. At most 1MiB. Default: 64KiB.
	MaxLine unit.Size `yaml:"max_line,omitempty"`
	// MaxSize is how large a document may be; a larger one is an error. At most 4MiB. Default: 1MiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
}

// Format is how a file is read.
type Format string

// The formats.
const (
	formatDocument Format = "document"
	formatLines    Format = "lines"
	formatCSV      Format = "csv"
)

// Words returns the formats.
func (Format) Words() []string {
	return []string{string(formatDocument), string(formatLines), string(formatCSV)}
}

// Header is where the names of columns stand.
type Header string

// Where the names of columns stand.
const (
	headerFirst Header = "first"
	headerNone  Header = "none"
)

// Words returns where the names of columns stand.
func (Header) Words() []string { return []string{string(headerFirst), string(headerNone)} }

// Charset is what a file is written in that is not UTF-8.
type Charset string

// Words returns what a file may be written in.
func (Charset) Words() []string { return []string{"windows-1252", "iso-8859-1"} }

// After is what becomes of a file that was read.
type After string

// What becomes of a file that was read.
const (
	afterKeep   After = "keep"
	afterMove   After = "move"
	afterDelete After = "delete"
)

// Words returns what may become of a file that was read.
func (After) Words() []string {
	return []string{string(afterKeep), string(afterMove), string(afterDelete)}
}

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
	maxSkip      = 1000
	maxSettle    = time.Hour

	defaultSettle = 5 * time.Second
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Format = formatDocument
	s.Header = headerFirst
	s.Settle = defaultSettle
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

// Pushed reports whether the file is followed, or files are waited for, rather than read anew.
func (s *Settings) Pushed() bool {
	return s.Format == formatLines || s.Format == formatCSV || s.After != ""
}

// table returns how files of CSV are written.
func (s *Settings) table() tableForm {
	return tableForm{cmp.Or(s.Delimiter, ","), s.Header != headerNone, s.SkipLines}
}

// BetweenColumns returns the delimiter that rules of the source's points have where they name none; "" for theirs.
func (s *Settings) BetweenColumns() string { return s.Delimiter }

// media returns the media type of readings.
func (s *Settings) media() string {
	switch {
	case s.Format != formatCSV:
		return "application/json"
	case s.Charset != "":
		return "text/csv; charset=" + string(s.Charset)
	}
	return "text/csv"
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Pushed() {
		return source.Pace{Expect: s.Expect, Of: s.of()}
	}
	return source.Pace{Every: s.Every}
}

// of names what comes.
func (s *Settings) of() string {
	switch {
	case s.After != "":
		return "new file"
	case s.Format == formatCSV:
		return "new row"
	}
	return "new line"
}

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size {
	if s.After != "" && s.Format == formatDocument {
		return s.MaxSize
	}
	if s.Format == formatCSV {
		return mergedBytes + maxBatchBytes + maxHeader + s.MaxLine
	}
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
	want(slices.Contains(s.Format.Words(), string(s.Format)), "format: %q: want document, lines or csv", s.Format)
	want(s.From == fromStart || s.From == fromEnd, "from: %q: want start or end", s.From)
	want(s.Time == timeModified || s.Time == timeRead, "time: %q: want modified or read; a time that stands in the document is named by its rule: value: {pointer: /t, time: /ts}", s.Time)
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want 0s, or at least 10ms", unit.FormatDuration(s.Every))
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.MaxLine >= leastMaxLine && s.MaxLine <= lineLimit, "max_line: %s: want %dB to %s", s.MaxLine, leastMaxLine, lineLimit)
	want(s.MaxSize > 0 && s.MaxSize <= sizeLimit, "max_size: %s: want 1B to %s", s.MaxSize, sizeLimit)
	s.checkTable(want)
	s.checkAfter(want)
	return errors.Join(append(errs, s.checkPath())...)
}

// checkTable checks how rows of CSV are written.
func (s *Settings) checkTable(want func(good bool, format string, args ...any)) {
	ofRows := s.Format == formatCSV
	c, size := utf8.DecodeRuneInString(s.Delimiter)
	want(s.Delimiter == "" || size == len(s.Delimiter) && c != utf8.RuneError && !strings.ContainsRune("\"\r\n\x00", c),
		"delimiter: %q: want one character, such as \";\" or \"\\t\", and neither a quote nor the end of a line", s.Delimiter)
	want(s.Header == headerFirst || s.Header == headerNone, "header: %q: want first or none; names of columns that the file does not have stand in the rule: value: {column: t, header: [time, t]}", s.Header)
	want(s.SkipLines >= 0 && s.SkipLines <= maxSkip, "skip_lines: %d: want 0 to %d", s.SkipLines, maxSkip)
	want(s.Charset == "" || slices.Contains(s.Charset.Words(), string(s.Charset)), "charset: %q: want windows-1252 or iso-8859-1; UTF-8 needs none", s.Charset)
	want(ofRows || s.Delimiter == "", "delimiter: is of format: csv, and the format is %s", s.Format)
	want(ofRows || s.Header == headerFirst, "header: is of format: csv, and the format is %s", s.Format)
	want(ofRows || s.SkipLines == 0, "skip_lines: is of format: csv, and the format is %s", s.Format)
	want(ofRows || s.Charset == "", "charset: is of format: csv, and the format is %s", s.Format)
}

// checkAfter checks what becomes of files that are dropped.
func (s *Settings) checkAfter(want func(good bool, format string, args ...any)) {
	want(s.After == "" || slices.Contains(s.After.Words(), string(s.After)), "after: %q: want keep, move or delete; leave it out for a file that is read anew or followed", s.After)
	want(s.After != afterMove || s.Into != "", "into: missing, want the folder for files that were read, such as into: %s", filepath.Join(filepath.Dir(s.Path), "read"))
	want(s.After == afterMove || s.Into == "", "into: is the folder for files that were read, and after is not move")
	want(s.Settle >= 0 && s.Settle <= maxSettle, "settle: %s: want 0s to %s", unit.FormatDuration(s.Settle), unit.FormatDuration(maxSettle))
	if s.After == "" {
		want(s.Settle == defaultSettle, "settle: is of files that are dropped: want after: keep, move or delete beside it")
		return
	}
	want(s.From == fromStart, "from: is of files that are followed; those that are dropped are read from their start: leave it out, and move away what is not to be read")
	want(s.Into == "" || filepath.Clean(s.Into) != filepath.Clean(filepath.Dir(s.Path)), "into: %s is the folder that files are dropped into: want another one, such as %s", s.Into, filepath.Join(filepath.Dir(s.Path), "read"))
}

func (s *Settings) checkPath() error {
	switch {
	case s.Path == "":
		return errors.New("path: missing, want the path of a file")
	case s.Format == formatDocument && s.After == "" && isPattern(s.Path):
		return errors.New("path: a pattern goes with format: lines or csv, and with after (documents that are dropped); a document is one file, so name it")
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
