package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
)

var updateMistakes = flag.Bool("update-mistakes", false, "rewrite what check says of testdata/mistakes")

// mistaken are the files of testdata/mistakes, what people write in their first hour, by archive: each NAME.yaml is followed by
// what check says of it, NAME.txt.
func mistaken(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	list, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(list) == 0 {
		t.Fatalf("no mistakes: %v", err)
	}
	archives := map[string]*txtar.Archive{}
	for _, file := range list {
		if archives[file], err = txtar.ParseFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return archives
}

// saysOf returns what check says of a configuration: as people see it, and one by one.
func saysOf(t *testing.T, name, src string) (string, []strict.Mistake) {
	t.Helper()
	c, err := config.LoadFor(strings.NewReader(src), name, allKinds(), nil)
	if list := (*strict.MistakesError)(nil); errors.As(err, &list) {
		return err.Error() + "\n", slices.Concat(list.Mistakes, list.Warnings)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	_ = strict.WriteWarnings(&out, c.Warnings) // a builder never fails
	return out.String() + "no mistakes\n", c.Warnings
}

func TestCheckSaysWhatIsWrongWhereAndWhatNow(t *testing.T) {
	archives := mistaken(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for file, archive := range archives {
		var out []txtar.File
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".yaml") {
				continue
			}
			files++
			got, _ := saysOf(t, f.Name, string(f.Data))
			got = strings.ReplaceAll(got, " in "+here, " in HERE")
			said := strings.TrimSuffix(f.Name, ".yaml") + ".txt"
			out = append(out, f, txtar.File{Name: said, Data: []byte(got)})
			if i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == said }); !*updateMistakes && (i < 0 || string(archive.Files[i].Data) != got) {
				t.Errorf("%s: of\n%scheck says\n%sgo test ./cmd/dodona -run CheckSays -update-mistakes writes it", f.Name, f.Data, got)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("%s: a secret is told:\n%s", f.Name, got)
			}
		}
		if *updateMistakes {
			if err := os.WriteFile(file, txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: out}), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if files < 30 {
		t.Errorf("%d files of mistakes, want thirty or more", files)
	}
}

// TestMendingOneMistakeLeavesTheOthers writes what check offers in place of what stands there: it is taken there, no other mistake
// vanishes with that one, for then it was told though it was none, and none comes, for then it was not told at once.
func TestMendingOneMistakeLeavesTheOthers(t *testing.T) {
	t.Setenv("KEY", strings.Repeat("1", 64))
	t.Setenv("TOKEN", "t")
	mended := 0
	for _, archive := range mistaken(t) {
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".yaml") || f.Name == "many.yaml" { // of which not all are told
				continue
			}
			_, before := saysOf(t, f.Name, string(f.Data))
			for i, m := range before {
				if m.Instead == "" || m.Where == "sources" || m.Where == "feeds" || m.Where == "sinks" { // who is named otherwise is asked for otherwise
					continue
				}
				mended++
				src := mend(string(f.Data), m)
				told, after := saysOf(t, f.Name, src)
				left := slices.Delete(slices.Clone(before), i, i+1)
				got, want := saidOf(after, m), saidOf(left, m)
				if came, went := without(got, want), without(want, got); len(came)+len(went) > 0 {
					t.Errorf("%s: %s\nmended to\n%scheck says\n%scame %q\nwent %q", f.Name, m, src, told, came, went)
				}
			}
		}
	}
	if mended < 50 {
		t.Errorf("%d mistakes say what to write instead, want more", mended)
	}
}

// mend writes what a mistake offers in its place.
func mend(src string, m strict.Mistake) string {
	lines := strings.Split(src, "\n")
	line := []rune(lines[m.Line-1])
	lines[m.Line-1] = string(line[:m.Column-1]) + m.Instead + string(line[m.End-1:])
	return strings.Join(lines, "\n")
}

// saidOf lists what is said, but for what changes with the one that was mended: its key, where that is what was wrong, and its name in
// the rest of the file.
func saidOf(list []strict.Mistake, mended strict.Mistake) (out []string) {
	for _, m := range list {
		if strings.HasSuffix(m.Message, "has no pointer: it is the only number of whatever is answered") {
			continue // which can be said once it is a source
		}
		said := fmt.Sprint(m.Line, ": ", m.Where, ": ", m.Message)
		if strings.HasPrefix(mended.Message, "unknown key") {
			was := strings.Trim(strings.TrimPrefix(mended.Message, "unknown key "), `"`)
			said = strings.ReplaceAll(said, ": "+was+":", ": "+mended.Instead+":")
			said = strings.ReplaceAll(said, ": "+was+" ", ": "+mended.Instead+" ")
		}
		out = append(out, said)
	}
	return out
}

// without returns those of a that are not in b, as often as they are more.
func without(a, b []string) (out []string) {
	b = slices.Clone(b)
	for _, s := range a {
		if i := slices.Index(b, s); i >= 0 {
			b = slices.Delete(b, i, i+1)
			continue
		}
		out = append(out, s)
	}
	return out
}
