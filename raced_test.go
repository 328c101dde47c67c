package dodona

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWhatIsTestedWithoutTheRaceDetectorHasOneGoroutine: the Makefile spares packages the detector, which takes several
// times as long. It finds nothing where no goroutine meets another one: where neither a package nor its tests start any.
func TestWhatIsTestedWithoutTheRaceDetectorHasOneGoroutine(t *testing.T) {
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^ALONE +:= (.+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the Makefile has no line ALONE")
	}
	files := 0
	for dir := range strings.FieldsSeq(string(found[1])) {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(names) == 0 {
			t.Errorf("%s has %d files: %v", dir, len(names), err)
		}
		for _, name := range names {
			files++
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if how := starts(n); how != "" {
					t.Errorf("%s has %s: take %s out of ALONE in the Makefile", set.Position(n.Pos()), how, dir)
				}
				return true
			})
		}
	}
	if files < 10 {
		t.Errorf("read %d files", files)
	}
}

// TestWhatTheJournalMeasuresIsTestedWithoutTheRaceDetector: a test that the detector is spared runs without it.
func TestWhatTheJournalMeasuresIsTestedWithoutTheRaceDetector(t *testing.T) {
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^MEASURES +:= (.+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the Makefile has no line MEASURES")
	}
	listed := slices.Sorted(strings.SplitSeq(string(found[1]), "|"))
	names, err := filepath.Glob("journal/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var spared []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`func (Test\w+)\(t \*testing\.T\) \{\n\tmeasures\(t\)`).FindAllSubmatch(text, -1) {
			spared = append(spared, string(m[1]))
		}
	}
	if slices.Sort(spared); !slices.Equal(spared, listed) || len(spared) == 0 {
		t.Errorf("journal spares the race detector %q, and MEASURES in the Makefile has %q", spared, listed)
	}
}

// starts returns what starts a goroutine of ours at n, or "".
func starts(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a go statement"
	case *ast.SelectorExpr:
		switch name := n.Sel.Name; name {
		case "Parallel", "AfterFunc", "WaitGroup", "NewServer", "ListenAndServe", "Serve":
			return name
		}
	}
	return ""
}
