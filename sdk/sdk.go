// Package sdk gives out what guests are written with: a library and an example for every language, each a folder
// that builds as it is.
package sdk

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Folders are named file by file where builds leave other things beside the sources.
//
//go:embed assemblyscript/README.md assemblyscript/Makefile assemblyscript/*.json assemblyscript/*.yaml assemblyscript/assembly assemblyscript/example
//go:embed c/README.md c/Makefile c/dodona.h c/*.yaml c/example
//go:embed go/README.md go/Makefile go/go.mod.txt go/tinygo.json go/*.go go/*.yaml go/example
//go:embed rust/README.md rust/Makefile rust/Cargo.toml rust/*.yaml rust/src rust/example
//go:embed wat/README.md wat/Makefile wat/*.yaml wat/example
//go:embed .gitignore
var files embed.FS

// Languages are those that [Skeleton] knows, sorted. TinyGo's is Go's, with another compiler by default.
var Languages = []string{"assemblyscript", "c", "go", "rust", "tinygo", "wat"}

// A go.mod would make its folder another module, which this package could not embed. So the Go SDK keeps it under
// another name, and a skeleton has it under the right one.
const (
	kept  = "go.mod.txt"
	right = "go.mod"
)

// example is what the example of every SDK is called.
var example = regexp.MustCompile(`\bplausible\b|\bplausible_`)

// Skeleton returns the project a user starts from: the library, the example guest under the given name, its tests, a
// README and a Makefile. It builds by `make`, into NAME.wasm, which `dodona module test` then tries by NAME_test.yaml.
// The name is to be one that modules can have.
func Skeleton(lang, name string) (fs.FS, error) {
	if !slices.Contains(Languages, lang) {
		return nil, fmt.Errorf("no SDK for %q: want one of %s", lang, strings.Join(Languages, ", "))
	}
	s := skeleton{lang: lang, name: name, folder: lang}
	if lang == "tinygo" {
		s.folder = "go"
	}
	// An archive in memory is the simplest file system in which files can have other names.
	var archive bytes.Buffer
	s.archive = zip.NewWriter(&archive)
	err := fs.WalkDir(files, s.folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return s.add(file, strings.TrimPrefix(file, s.folder+"/"))
	})
	if err == nil {
		err = s.add(".gitignore", ".gitignore")
	}
	if err == nil {
		err = s.archive.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("read SDK of %s: %w", lang, err)
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}

// A skeleton is one that is being made.
type skeleton struct {
	lang, name, folder string
	archive            *zip.Writer
}

func (s skeleton) add(file, as string) error {
	content, err := files.ReadFile(file)
	if err != nil {
		return err
	}
	if as == kept {
		as = right
	}
	header := zip.FileHeader{Name: s.named(as)}
	header.SetMode(0o644)
	out, err := s.archive.CreateHeader(&header)
	if err != nil {
		return err
	}
	_, err = out.Write([]byte(s.edited(as, string(content))))
	return err
}

// named returns a text with the example's name in place of that which it has in the SDK.
func (s skeleton) named(text string) string {
	return example.ReplaceAllStringFunc(text, func(found string) string { return s.name + strings.TrimPrefix(found, "plausible") })
}

// edited returns what stands in a file: only those that build and describe the example name it.
func (s skeleton) edited(file, content string) string {
	if strings.Contains(file, "/") {
		return content
	}
	if s.lang == "tinygo" && file == "Makefile" {
		content = ".DEFAULT_GOAL := tinygo\n\n" + content
	}
	if s.lang == "tinygo" { // the memory that Go's runtime needs
		content = strings.TrimPrefix(content, goLimits)
	}
	return s.named(content)
}

// goLimits is the first line of the tests of Go's example.
const goLimits = "limits: {pages: 48} # TinyGo's needs 2\n"
