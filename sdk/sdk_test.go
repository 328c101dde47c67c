package sdk

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
)

// TestEverySkeletonHasWhatAUserNeeds: a README, a Makefile, the example; and it is a proper file system.
func TestEverySkeletonHasWhatAUserNeeds(t *testing.T) {
	for lang, want := range map[string][]string{
		"assemblyscript": {"package-lock.json", "assembly/index.ts", "example/kiln.ts"},
		"c":              {"dodona.h", "example/kiln.c"},
		"go":             {"go.mod", "dodona.go", "example/main.go"},
		"rust":           {"Cargo.toml", "src/lib.rs", "example/kiln.rs"},
		"tinygo":         {"go.mod", "dodona.go", "example/main.go"},
		"wat":            {"example/kiln.wat"},
	} {
		if !slices.Contains(Languages, lang) {
			t.Errorf("Languages are %v, want %s among them", Languages, lang)
		}
		files, err := Skeleton(lang, "kiln")
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(files, append(want, "README.md", "Makefile", "kiln_test.yaml", ".gitignore")...); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
		if _, err := fs.Stat(files, "go.mod.txt"); err == nil {
			t.Errorf("%s: the repository's go.mod.txt shows in the skeleton", lang)
		}
	}
	if _, err := Skeleton("cobol", "kiln"); err == nil {
		t.Error("there is a skeleton in COBOL")
	}
}
