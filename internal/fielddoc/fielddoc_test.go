package fielddoc

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	manual, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	files, err := manual.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not up to date (%v): run make generate", name, err)
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/kinds/*.md"))
	if err != nil || len(pages) != len(manual.Kinds) {
		t.Errorf("%d pages in docs/kinds for %d kinds: run make generate (%v)", len(pages), len(manual.Kinds), err)
	}
}

func TestEveryKindHasAPage(t *testing.T) {
	manual, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, k := range manual.Kinds {
		kinds = append(kinds, k.Name)
		if len(manual.Structs[k.Dir+".Settings"].Fields) == 0 {
			t.Errorf("kind %s has no settings in %s", k.Name, k.Dir)
		}
	}
	var folders []string // each kind has one
	for _, stage := range []string{"source", "sink"} {
		entries, err := os.ReadDir("../../" + stage)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && e.Name() != stage+"test" {
				folders = append(folders, e.Name())
			}
		}
	}
	slices.Sort(folders)
	if !slices.Equal(kinds, folders) || len(kinds) < 6 {
		t.Errorf("kinds are %s, and there are the folders %s", kinds, folders)
	}
	if got := manual.Structs["config.Node"].Fields; len(got) != 4 || got[0].Name != "name" || got[0].Default != "node" {
		t.Errorf("config.Node has the settings %+v", got)
	}
}

func TestASettingNeedsAComment(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "source", "made-up")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	src := `//go:build never

package x

var Kind = source.NewPolled[Settings]("made-up", open)

type Settings struct {
	Bare string ` + "`yaml:\"bare\"`" + `
	// Half says something.
	Half string ` + "`yaml:\"half\"`" + `
	// MaxSize is how large. Default: 1MiB.
	MaxSize unit.Size ` + "`yaml:\"max_size\"`" + `
	// Must be there. Required.
	Must []secret.String ` + "`yaml:\"must\"`" + `
}
`
	if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "example.yaml"), []byte("a: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	manual, err := Read(top)
	for _, want := range []string{`"bare" has no comment`, `"half": the comment says neither`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
	if len(manual.Kinds) != 1 || manual.Kinds[0].Name != "made-up" {
		t.Fatalf("got kinds %+v although build tags are ignored", manual.Kinds)
	}
	fields := manual.Structs["source/made-up.Settings"].Fields
	if f := fields[2]; f.Doc != "How large." || f.Default != "1MiB" || f.Type != "size" {
		t.Errorf("got %+v", f)
	}
	if f := fields[3]; !f.Required || f.Type != "list of secret" {
		t.Errorf("got %+v", f)
	}
}
