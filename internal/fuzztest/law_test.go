package fuzztest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// engineAlone are the packages whose targets Go's engine alone runs: what the verifier is made of changes rarely, and is held by its vectors too.
var engineAlone = []string{".", "internal/form", "internal/secp", "verify"}

// TestEveryFuzzTargetIsRunByMakeTest holds that no target calls testing.F.Fuzz itself: a new decoder is fuzzed in make test without anybody's remembering it.
func TestEveryFuzzTargetIsRunByMakeTest(t *testing.T) {
	const root = "../.."
	targets, used := 0, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && slices.Contains([]string{".git", ".cache", "node_modules", "testdata"}, e.Name()) {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		if dir == "internal/fuzztest" {
			return nil
		}
		for _, d := range file.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			targets++
			if slices.Contains(engineAlone, dir) {
				used[dir] = true
				continue
			}
			runs := 0
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if s, is := n.(*ast.SelectorExpr); is {
					switch x, _ := s.X.(*ast.Ident); {
					case x != nil && x.Name == "fuzztest" && s.Sel.Name == "Run":
						runs++
					case s.Sel.Name == "Fuzz":
						t.Errorf("%s: %s calls Fuzz of testing.F: call fuzztest.Run(f, …) instead, so that make test runs it", path, f.Name.Name)
					}
				}
				return true
			})
			if runs != 1 {
				t.Errorf("%s: %s calls fuzztest.Run %d times, want once", path, f.Name.Name, runs)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if targets < 80 {
		t.Errorf("%d targets were found: this test does not look where they are", targets)
	}
	for _, dir := range engineAlone {
		if !used[dir] {
			t.Errorf("%s has no fuzz target any more", dir)
		}
	}
}
