package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// loom is one build of a package that has many mutants in it, each a copy of its function with the change. A variable of the
// environment says which copy is called in place of the function. So a mutant costs a run of tests, and no build.
type loom struct {
	set     *token.FileSet
	numbers map[string]int // of the mutants that are woven in, by key
	failed  map[string]bool
	files   map[string]*weft
	name    string // of the package
}

// weft is a file with copies of functions at its end.
type weft struct {
	text   []byte
	tree   *ast.File
	copies []thread
	place  string // of the file that stands for it
}

type thread struct {
	m           mutant
	number      int
	of          *ast.FuncDecl
	first, last int // lines, once it is written
}

const (
	inPlace  = "mutantInPlace"
	variable = "MUTANT_IN_PLACE"
)

const chooser = `package %s

import (
	"os"
	"strconv"
)

var ` + inPlace + ` = func() int { n, _ := strconv.Atoi(os.Getenv("` + variable + `")); return n }()
`

// weave puts mutants into one text of their package. It leaves out those outside of functions, and of functions that begin
// the program or look at who called them.
func weave(all []mutant) (*loom, error) {
	l := &loom{set: token.NewFileSet(), numbers: map[string]int{}, failed: map[string]bool{}, files: map[string]*weft{}}
	for i, m := range all {
		w := l.files[m.file]
		if w == nil {
			text, err := os.ReadFile(m.file)
			if err != nil {
				return nil, err
			}
			tree, err := parser.ParseFile(l.set, m.file, text, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			w = &weft{text: text, tree: tree}
			l.files[m.file], l.name = w, tree.Name.Name
		}
		if of := l.around(w, m); of != nil {
			w.copies = append(w.copies, thread{m: m, number: i + 1, of: of})
			l.numbers[m.key()] = i + 1
		}
	}
	return l, nil
}

func (l *loom) at(p token.Pos) int { return l.set.Position(p).Offset }

// around returns the function that a mutant can be called in place of, or nil.
func (l *loom) around(w *weft, m mutant) *ast.FuncDecl {
	for _, d := range w.tree.Decls {
		of, ok := d.(*ast.FuncDecl)
		if !ok || of.Body == nil || m.from < l.at(of.Body.Lbrace) || m.to > l.at(of.End()) {
			continue
		}
		body := string(w.text[l.at(of.Body.Lbrace):l.at(of.End())])
		if of.Recv == nil && (of.Name.Name == "init" || of.Name.Name == "main") || strings.Contains(body, "recover()") {
			return nil
		}
		return of
	}
	return nil
}

// edit is a change of a text.
type edit struct {
	from, to int
	is       string
}

func edited(text []byte, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.Write(text[at:e.from])
		b.WriteString(e.is)
		at = e.to
	}
	b.Write(text[at:])
	return b.String()
}

// write returns the text of a file with its copies.
func (l *loom) write(w *weft) string {
	var edits []edit
	choices := map[*ast.FuncDecl]string{}
	for _, c := range w.copies {
		if choices[c.of] == "" {
			edits = append(edits, l.named(c.of)...)
		}
		choices[c.of] += fmt.Sprintf("case %d: %s; ", c.number, l.call(w, c))
	}
	for of, cases := range choices {
		at := l.at(of.Body.Lbrace) + 1
		edits = append(edits, edit{at, at, " switch " + inPlace + " { " + cases + "}; "})
	}
	var b strings.Builder
	b.WriteString(edited(w.text, edits))
	line := strings.Count(b.String(), "\n") + 1
	for i := range w.copies {
		c := &w.copies[i]
		from, to := l.at(c.of.Pos()), l.at(c.of.End())
		name := l.at(c.of.Name.Pos()) - from
		text := edited(w.text[from:to], []edit{
			{name, name + len(c.of.Name.Name), c.called()}, {c.m.from - from, c.m.to - from, c.m.is},
		}) + "\n"
		b.WriteString("\n" + text)
		c.first = line + 1
		line += 1 + strings.Count(text, "\n")
		c.last = line
	}
	return b.String()
}

func (c thread) called() string { return fmt.Sprintf("%sMutant%d", c.of.Name.Name, c.number) }

// named gives a name to each parameter that has none, so that it can be handed on.
func (l *loom) named(of *ast.FuncDecl) (edits []edit) {
	for i, f := range fields(of) {
		if len(f.Names) == 0 {
			at := l.at(f.Pos())
			edits = append(edits, edit{at, at, given(i, 0) + " "})
		}
		for j, name := range f.Names {
			if name.Name == "_" {
				edits = append(edits, edit{l.at(name.Pos()), l.at(name.End()), given(i, j)})
			}
		}
	}
	return edits
}

// fields returns the receiver, if there is one, and the parameters.
func fields(of *ast.FuncDecl) (all []*ast.Field) {
	if of.Recv != nil {
		all = append(all, of.Recv.List...)
	}
	return append(all, of.Type.Params.List...)
}

func given(field, name int) string { return fmt.Sprintf("mutantGiven%dAnd%d", field, name) }

// call returns the call of a copy with what its function was called with.
func (l *loom) call(w *weft, c thread) string {
	var args []string
	for i, f := range fields(c.of) {
		if len(f.Names) == 0 {
			args = append(args, given(i, 0))
		}
		for j, name := range f.Names {
			arg := name.Name
			if arg == "_" {
				arg = given(i, j)
			}
			args = append(args, arg)
		}
		if _, rest := f.Type.(*ast.Ellipsis); rest {
			args[len(args)-1] += "..."
		}
	}
	called := c.called()
	if c.of.Recv != nil {
		called, args = args[0]+"."+called, args[1:]
	}
	if types := c.of.Type.TypeParams; types != nil {
		var names []string
		for _, f := range types.List {
			for _, name := range f.Names {
				names = append(names, name.Name)
			}
		}
		called += "[" + strings.Join(names, ", ") + "]"
	}
	call := called + "(" + strings.Join(args, ", ") + ")"
	if c.of.Type.Results == nil {
		return call + "; return"
	}
	return "return " + call
}

// overlay writes the files into temp and returns the flag that puts them in place.
func (l *loom) overlay(temp, pkg string) (flag string, err error) {
	replace := map[string]string{}
	put := func(file, text string) (place string, err error) {
		real, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		place = filepath.Join(temp, fmt.Sprintf("woven%d.go", len(replace)))
		replace[real] = place
		return place, os.WriteFile(place, []byte(text), 0o644)
	}
	for file, w := range l.files {
		if w.place, err = put(file, l.write(w)); err != nil {
			return "", err
		}
	}
	if _, err := put(filepath.Join(pkg, "mutant_in_place.go"), fmt.Sprintf(chooser, l.name)); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(temp, "woven.json")
	return "-overlay=" + file, os.WriteFile(file, text, 0o644)
}

var complaint = regexp.MustCompile(`(?m)^(\S+\.go):(\d+)(?::\d+)?: `)

// build builds the tests of suites with the mutants in them, without those that do not compile.
func (l *loom) build(temp, pkg string, suites []*suite) (binaries []string, err error) {
	every := "-gcflags=./" + pkg + "=-e" // complains of every mistake, not of ten
	for {
		overlay, err := l.overlay(temp, pkg)
		if err != nil {
			return nil, err
		}
		_, err = output("go", "build", every, overlay, "-o", os.DevNull, "./"+pkg)
		if err == nil {
			for i, s := range suites {
				binary := filepath.Join(temp, "woven"+strconv.Itoa(i)+".test")
				if _, err := output("go", "test", "-c", "-vet=off", "-ldflags=-s -w", every, overlay, "-o", binary, "./"+s.pkg); err != nil {
					return nil, err
				}
				binaries = append(binaries, binary)
			}
			return binaries, nil
		}
		var ended *exec.ExitError
		if !errors.As(err, &ended) || !l.drop(string(ended.Stderr)) {
			return nil, err
		}
	}
}

// drop leaves out the copies that the compiler complains of, and reports whether there are any.
func (l *loom) drop(complaints string) (dropped bool) {
	for _, found := range complaint.FindAllStringSubmatch(complaints, -1) {
		line, _ := strconv.Atoi(found[2])
		for file, w := range l.files {
			if base := filepath.Base(found[1]); base != filepath.Base(file) && base != filepath.Base(w.place) {
				continue
			}
			for _, c := range w.copies {
				if c.first <= line && line <= c.last && !l.failed[c.m.key()] {
					l.failed[c.m.key()], dropped = true, true
				}
			}
		}
	}
	for _, w := range l.files {
		w.copies = slices.DeleteFunc(w.copies, func(c thread) bool { return l.failed[c.m.key()] })
	}
	return dropped
}
