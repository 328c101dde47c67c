package fielddoc

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Fault is something that a peer does wrong: what a comment "// Fault (point): the device …." above a reason says, and the reason itself.
type Fault struct {
	What   string // happens
	Class  string // what becomes of it: see classes
	Reason string // as it is told, with … for what is known only then
	Name   string // of the constant or variable that the reason is, if it is one
	Dir    string // whose it is
}

// classes are what becomes of a fault, and what counts it.
var classes = map[string]string{
	"point":    "The point is bad with this reason; the others go on. Counted for each feed that needs it in `dodona_feed_inputs_bad_total`.",
	"doubt":    "The point is uncertain with this reason, and so is the answer. Counted in `dodona_feed_uncertain_total`.",
	"stale":    "The value does not count in the round. Counted in `dodona_feed_inputs_stale_total`.",
	"dropped":  "It is given up, named in the log and in an event. Counted in `dodona_source_dropped_total`.",
	"exchange": "The exchange fails, and another follows after a pause that grows. Counted in `dodona_source_failures_total`.",
	"restart":  "The source is closed and opened again. Counted in `dodona_source_restarts_total`.",
	"log":      "It is named in the log; what was found by then goes on.",
}

var (
	faultComment = regexp.MustCompile(`^// Fault \(([a-z]+)\): (.+)\.$`)
	verb         = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[0-9*]*(\.[0-9*]+)?[a-zA-Z]`)
)

// faultsOf returns the faults that the files of a folder name, and which internal packages they import.
func faultsOf(root, dir string) (faults []Fault, imports []string, err error) {
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, filepath.Join(root, dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range file.Imports {
			if of, found := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module+"/internal/"); found {
				imports = append(imports, "internal/"+of)
			}
		}
		for _, group := range file.Comments {
			for _, c := range group.List {
				said := faultComment.FindStringSubmatch(c.Text)
				if said == nil {
					if strings.HasPrefix(c.Text, "// Fault ") {
						mistakes = append(mistakes, fmt.Errorf("%s: want a comment such as \"// Fault (point): what happens.\"", files.Position(c.Pos())))
					}
					continue
				}
				reason, name, found := reasonBehind(file, c.End())
				if _, known := classes[said[1]]; !known || !found {
					mistakes = append(mistakes, fmt.Errorf("%s: want one of the classes, and a reason on the next lines", files.Position(c.Pos())))
				}
				faults = append(faults, Fault{What: said[2], Class: said[1], Reason: reason, Name: name, Dir: dir})
			}
		}
	}
	return faults, imports, errors.Join(mistakes...)
}

// reasonBehind returns the first text behind a position, which says something, and what it is called if that is declared there.
func reasonBehind(file *ast.File, after token.Pos) (reason, name string, found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		if found {
			return false
		}
		if declared, is := n.(*ast.ValueSpec); is && declared.Pos() > after && name == "" {
			name = declared.Names[0].Name
		}
		literal, is := n.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING || literal.Pos() < after {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil || len(strings.Fields(text)) < 2 {
			return true
		}
		reason = strings.TrimPrefix(strings.TrimPrefix(verb.ReplaceAllString(text, "…"), "…: "), "…, ") // where a cause stands first
		reason, found = strings.Trim(reason, " :,"), true
		return false
	})
	return reason, name, found
}

// readFaults collects the faults of each kind of source: its own, those of what it is made of, and those of every source.
func (m *Manual) readFaults(root string) error {
	var mistakes []error
	known := map[string][]Fault{}
	needs := map[string][]string{}
	var read func(dir string)
	read = func(dir string) {
		if _, done := known[dir]; done {
			return
		}
		faults, imports, err := faultsOf(root, dir)
		mistakes = append(mistakes, err)
		known[dir], needs[dir] = faults, imports
		for _, other := range imports {
			read(other)
		}
	}
	for i, k := range m.Kinds {
		if k.sink() {
			continue
		}
		dirs := []string{k.Dir}
		below, err := fs.Glob(os.DirFS(root), k.Dir+"/*")
		mistakes = append(mistakes, err)
		for _, dir := range below {
			if info, err := os.Stat(filepath.Join(root, dir)); err == nil && info.IsDir() && !strings.HasSuffix(dir, "/testdata") {
				dirs = append(dirs, dir)
			}
		}
		for n := 0; n < len(dirs); n++ {
			read(dirs[n])
			for _, other := range needs[dirs[n]] {
				if !slices.Contains(dirs, other) {
					dirs = append(dirs, other)
				}
			}
			m.Kinds[i].Faults = append(m.Kinds[i].Faults, known[dirs[n]]...)
		}
	}
	for _, dir := range []string{"source", "feed"} {
		read(dir)
		m.Faults = append(m.Faults, known[dir]...)
	}
	return errors.Join(mistakes...)
}

// faults writes what may go wrong with a kind, and what is said of it.
func (m Manual) faults(b *bytes.Buffer, k Kind) {
	if len(k.Faults) == 0 {
		return
	}
	b.WriteString("## Faults\n\nWhat peers do wrong, the reason that is told of it (… stands for what is known only then), and what becomes of it:\n\n")
	for _, c := range sortedClasses {
		fmt.Fprintf(b, "- **%s**: %s\n", c, classes[c])
	}
	b.WriteString("\n| what happens | is told as | and it is |\n|---|---|---|\n")
	for _, faults := range [][]Fault{k.Faults, m.Faults} {
		for _, f := range faults {
			fmt.Fprintf(b, "| %s | %s | %s |\n", cell(f.What), cell(f.Reason), f.Class)
		}
	}
	b.WriteString("\n")
}

// sortedClasses are the classes in the order of how far a fault goes.
var sortedClasses = []string{"point", "doubt", "stale", "dropped", "log", "exchange", "restart"}
