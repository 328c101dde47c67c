package file

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// rowsOf returns what a file of CSV comes to, each reading with | for the end of a line, and what was told.
func rowsOf(text string, form tableForm) (rows, told []string) {
	t := newTable(form, func(what string) { told = append(told, what) })
	for b := []byte(text); len(b) > 0; {
		took, row, open, _ := cutRow(b, t.cutBy(), true)
		b = b[took:]
		if r, found := t.take(row); found {
			if open {
				r.reason = "open"
			}
			line := strings.ReplaceAll(strings.TrimSuffix(string(r.body), "\n"), "\n", "|")
			if r.reason != "" {
				line += " BAD " + r.reason
			}
			rows = append(rows, line)
		}
	}
	return rows, told
}

func TestRowsAreReadWithTheHeaderInForce(t *testing.T) {
	comma := tableForm{",", true, 0}
	for name, c := range map[string]struct {
		text string
		form tableForm
		want []string
		told string
	}{
		"plain":                    {"t,v\n1,2\n3,4\n", comma, []string{"t,v|1,2", "t,v|3,4"}, ""},
		"CRLF, CR, and blank ones": {"t,v\r\n1,2\r\r\n3,4\r\n", comma, []string{"t,v|1,2", "t,v|3,4"}, ""},
		"byte order mark":          {"\ufefft,v\n1,2\n", comma, []string{"t,v|1,2"}, ""},
		"no end at the end":        {"t,v\n1,2", comma, []string{"t,v|1,2"}, ""},
		"semicolons":               {"t;v\n1;2,5\n", tableForm{";", true, 0}, []string{"t;v|1;2,5"}, ""},
		"a delimiter of two bytes": {"t§v\n1§2\n", tableForm{"§", true, 0}, []string{"t§v|1§2"}, ""},
		"tabs":                     {"t\tv\n1\t2\n", tableForm{"\t", true, 0}, []string{"t\tv|1\t2"}, ""},
		"quotes":                   {"t,v\n\"a,\"\"b\"\"\nc\",2\n", comma, []string{"t,v|\"a,\"\"b\"\"|c\",2"}, ""},
		"a quoted header":          {"\"t\",\"v\"\n1,2\n", comma, []string{"\"t\",\"v\"|1,2"}, ""},
		"a quote never closed":     {"t,v\n\"1,2\n3,4\n", comma, []string{"t,v|\"1,2 BAD open", "t,v|3,4"}, ""},
		"a quote within a field":   {"t,v\n1,2\"\n3,4\n", comma, []string{"t,v|1,2\" BAD the row is no CSV: bare \" in non-quoted-field", "t,v|3,4"}, ""},
		"text behind a quote":      {"t,v\n\"1\"x,2\n3,4\n", comma, []string{"t,v|\"1\"x,2 BAD the row is no CSV: extraneous or missing \" in quoted-field", "t,v|3,4"}, ""},
		"skipped lines":            {"Meter \"17\nunit: kWh\nt,v\n1,2\n", tableForm{",", true, 2}, []string{"t,v|1,2"}, ""},
		"skipped blank lines":      {"\n\nt,v\n1,2\n", tableForm{",", true, 2}, []string{"t,v|1,2"}, ""},
		"no header":                {"1,2\n3,4\n", tableForm{",", false, 0}, []string{"1,2", "3,4"}, ""},
		"no header, skipped":       {"x\n1,2\n", tableForm{",", false, 1}, []string{"1,2"}, ""},
		"the header is missing":    {"2026-01-01,2\n3,4\n", comma, []string{"2026-01-01,2 BAD the first row begins with a number or a time, so it is no header: want header: none, or skip_lines as many as stand before the header", "3,4 BAD the first row begins with a number or a time, so it is no header: want header: none, or skip_lines as many as stand before the header"}, ""},
		"numbers are names":        {"time,1,2\n5,6,7\n", comma, []string{"time,1,2|5,6,7"}, ""},
		"cut in the middle":        {"t,v,w\n1,2\n3,4,5\n", comma, []string{"t,v,w|1,2 BAD the row has 2 columns and the header 3: it was cut, or is of another header", "t,v,w|3,4,5"}, ""},
		"two rows in one":          {"t,v\n1,23,4\n3,4\n", comma, []string{"t,v|1,23,4 BAD the row has 3 columns and the header 2: two rows ran into one, or it is of another header", "t,v|3,4"}, ""},
		"a delimiter at the end":   {"t,v\n1,2,\n", comma, []string{"t,v|1,2,"}, ""},
		"the header again":         {"t,v\n1,2\nt, v\n3,4\n", comma, []string{"t,v|1,2", "t,v|3,4"}, ""},
		"another header":           {"t,v\n1,2\nt,v,w\n3,4,5\n", comma, []string{"t,v|1,2", "t,v,w|3,4,5"}, "the header changed from t,v to t,v,w"},
		"columns change places":    {"t,v\n1,2\nv,t\n3,4\n", comma, []string{"t,v|1,2", "v,t|3,4"}, "the header changed from t,v to v,t"},
		"no header, but a text":    {"state,mode\non,auto\nstate,off\n", comma, []string{"state,mode|on,auto"}, "the header changed from state,mode to state,off"},
		"the delimiter first":      {"\ufeffsep=;\r\nt;v\r\n1;2,5\r\n", tableForm{";", true, 0}, []string{"t;v|1;2,5"}, ""},
		"the delimiter, quoted":    {"\"SEP=;\"\nt;v\n1;2\n", tableForm{";", true, 0}, []string{"t;v|1;2"}, ""},
		"the delimiter, no header": {"sep=;\n1;2\n", tableForm{";", false, 0}, []string{"1;2"}, ""},
		"another delimiter first":  {"sep=;\nt;v\n1;2\n", comma, []string{"t;v BAD the file says by its first line that its delimiter is \";\", and it is read by \",\": want delimiter: \";\"", "1;2 BAD the file says by its first line that its delimiter is \";\", and it is read by \",\": want delimiter: \";\""}, ""},
		"a name like the first":    {"sep=all,v\n1,2\n", comma, []string{"sep=all,v|1,2"}, ""},
		"the delimiter later":      {"v\n1\nsep=;\n", comma, []string{"v|1", "v|sep=;"}, ""},
		"NUL bytes":                {"t,v\n1,\x00\x00\n", comma, []string{"t,v|1,\x00\x00 BAD the row is no CSV: it has NUL bytes, as a power cut leaves them"}, ""},
		"nothing":                  {"", comma, nil, ""},
		"nothing but a header":     {"t,v\n", comma, nil, ""},
		"too many columns":         {"t,v\n" + strings.Repeat(",", maxColumns) + "\n", comma, []string{"t,v|" + strings.Repeat(",", maxColumns) + " BAD the row is no CSV: it has more than 4096 columns"}, ""},
		"too long a header":        {"a" + strings.Repeat("b", maxHeader) + ",v\n1,2\n", comma, []string{"a" + strings.Repeat("b", maxHeader) + ",v BAD the header has 16387 bytes, at most 16384 are read", "1,2 BAD the header has 16387 bytes, at most 16384 are read"}, ""},
		"too long a new header":    {"t,v\n1,2\nt,v" + strings.Repeat(",", maxNewHeader) + "\n3,4\n", comma, []string{"t,v|1,2", "t,v|3,4 BAD a new header of 2051 bytes stands before it in the file; at most 2048 are read there"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rows, told := rowsOf(c.text, c.form)
			if !slices.Equal(rows, c.want) || strings.Join(told, "; ") != c.told {
				t.Errorf("got %q and told %q\nwant %q and %q", rows, told, c.want, c.told)
			}
		})
	}
}

// FuzzRows holds that a text is cut into rows without losing a byte, the same whether it comes whole or by the byte, and that what is not bad
// is what the standard library reads of it.
func FuzzRows(f *testing.F) {
	for _, text := range []string{"t,v\n1,2\n", "\"a\"\"b\nc\",d\r\n\r1;2", "\"", "\"a", ",,,\n\"\",\n", "\ufefft\n1\n", "a\"b\n", "\"a\"b\n", "t,v\nv,t\n1,2\n\x00"} {
		f.Add([]byte(text), ",", uint8(0), true)
		f.Add([]byte(text), ";", uint8(1), false)
	}
	fuzztest.Run(f, func(t *testing.T, text []byte, delimiter string, skip uint8, named bool) {
		s := Kind.Settings().(*Settings)
		s.Path, s.Format, s.Delimiter = "x", formatCSV, delimiter
		if delimiter == "" || s.Check() != nil {
			return
		}
		table := newTable(tableForm{delimiter, named, int(skip % 3)}, func(string) {})
		for at := 0; at < len(text); {
			by := table.cutBy()
			took, row, open, ended := cutRow(text[at:], by, true)
			if took <= 0 || took > len(text)-at || len(row) > took || !open && !bytes.HasPrefix(text[at:], row) {
				t.Fatalf("%q at %d: took %d for %q", text, at, took, row)
			}
			for n := at; n < len(text) && !open; n++ { // as much as there is
				early, same, _, _ := cutRow(text[at:n], by, false)
				if early > 0 && (early != took || !bytes.Equal(same, row) || !ended) {
					t.Fatalf("%q from %d to %d: took %d %q, and later %d %q", text, at, n, early, same, took, row)
				}
				if n > at+200 {
					break
				}
			}
			at += took
			r, found := table.take(row)
			if !found || r.reason != "" {
				continue
			}
			read := csv.NewReader(bytes.NewReader(r.body))
			read.FieldsPerRecord = -1
			read.Comma = []rune(delimiter)[0]
			all, err := read.ReadAll()
			want := 1
			if table.header != nil {
				want = 2
			}
			if err != nil || len(all) != want {
				t.Fatalf("%q is taken as the row %q, which reads %q: %v", text, r.body, all, err)
			}
		}
	})
}

// rowed runs a test in fake time with a reader of rows.
func rowed(t *testing.T, change func(*Settings), test func(l *log, r *reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t)
		r := newReader(l, func(s *Settings) {
			s.Format = formatCSV
			if change != nil {
				change(s)
			}
		})
		defer func() { r.close() }()
		test(l, r)
	})
}

func TestRowsAreFollowedAcrossStartsAndRotation(t *testing.T) {
	rowed(t, nil, func(l *log, r *reader) {
		l.write("\ufefft,v\r\n1,2\r\n3,")
		r.read(time.Second)
		r.want("t,v\n1,2\n") // half a row is none
		l.write("4\r\n")
		r.restart()
		r.read(time.Second)
		l.write("t,w\r\n5,6\r\n")
		r.read(time.Second)
		r.restart() // behind a header in the middle
		l.write("7,8\r\n")
		r.read(time.Second)
		l.rename()
		l.write("9,10\r\n") // the writer says no header
		r.read(time.Minute)
		r.restart()
		l.write("11,12\r\n")
		r.read(time.Second)
		r.want("t,v\n1,2\n", "t,v\n3,4\n", "t,w\n5,6\n", "t,w\n7,8\n", "t,w\n9,10\n", "t,w\n11,12\n")
		r.wantDropped(0, "")
	})
}

func TestRowsAreFollowedFromTheEndAndAfterTruncation(t *testing.T) {
	rowed(t, func(s *Settings) { s.From = fromEnd }, func(l *log, r *reader) {
		l.write("t,v\n1,2\n")
		r.read(time.Second)
		l.write("3,4\n\"5,6\n7\n8,9\n")
		r.read(time.Second)
		r.want("t,v\n3,4\n", "t,v\n\"5,6\n", "t,v\n7\n", "t,v\n8,9\n")
		if len(r.doubts) != 2 || !strings.Contains(r.doubts[0], "bad: the row is no CSV") || !strings.Contains(r.doubts[1], "bad: the row has 1 columns and the header 2") {
			t.Errorf("doubts %q", r.doubts)
		}
		l.copyTruncate()
		l.write("10,11\n")
		r.read(time.Minute)
		r.want("t,v\n3,4\n", "t,v\n\"5,6\n", "t,v\n7\n", "t,v\n8,9\n", "t,v\n10,11\n")
	})
}

func TestSettingsOfRowsAndDropsNameTheirMistakes(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"delimiter: \"||\": want one character":                    func(s *Settings) { s.Delimiter = "||" },
		"delimiter: \"\\\"\": want one character":                  func(s *Settings) { s.Delimiter = "\"" },
		"delimiter: is of format: csv, and the format is lines":    func(s *Settings) { s.Delimiter, s.Format = ";", formatLines },
		"header: \"yes\": want first or none":                      func(s *Settings) { s.Header = "yes" },
		"skip_lines: -1: want 0 to 1000":                           func(s *Settings) { s.SkipLines = -1 },
		"charset: \"utf-16\": want windows-1252":                   func(s *Settings) { s.Charset = "utf-16" },
		"skip_lines: is of format: csv, and the format is doc":     func(s *Settings) { s.SkipLines, s.Format = 1, formatDocument },
		"after: \"remove\": want keep, move or delete":             func(s *Settings) { s.After = "remove" },
		"into: missing, want the folder for files that were read":  func(s *Settings) { s.After = afterMove },
		"into: is the folder for files that were read, and after":  func(s *Settings) { s.After, s.Into = afterDelete, "x" },
		"into: /drops/ is the folder that files are dropped into":  func(s *Settings) { s.After, s.Into = afterMove, "/drops/" },
		"settle: 2h: want 0s to 1h":                                func(s *Settings) { s.After, s.Settle = afterKeep, 2*time.Hour },
		"settle: is of files that are dropped: want after":         func(s *Settings) { s.Settle = time.Second },
		"from: is of files that are followed; those that are drop": func(s *Settings) { s.After, s.From = afterKeep, fromEnd },
		"path: a pattern goes with format: lines or csv":           func(s *Settings) { s.Format = formatDocument },
	} {
		s := Kind.Settings().(*Settings)
		s.Path, s.Format = "/drops/*.csv", formatCSV
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		change(s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
