package dodona

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
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
