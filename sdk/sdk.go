// Package sdk gives out what guests are written with: a library and an example for every language, each a folder
// that builds as it is.
package sdk

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Folders are named file by file where builds leave other things beside the sources.
//
//go:embed assemblyscript/README.md assemblyscript/Makefile assemblyscript/*.json assemblyscript/assembly assemblyscript/example
//go:embed c/README.md c/Makefile c/dodona.h c/example
//go:embed go/README.md go/Makefile go/go.mod.txt go/*.go go/example
//go:embed rust/README.md rust/Makefile rust/Cargo.toml rust/src rust/example
var files embed.FS

// Languages are those that [Skeleton] knows, sorted.
var Languages = []string{"assemblyscript", "c", "go", "rust"}

// A go.mod would make its folder another module, which this package could not embed. So the Go SDK keeps it under
// another name, and a skeleton has it under the right one.
const (
	kept  = "go.mod.txt"
	right = "go.mod"
)

// Skeleton returns the project a user starts from: the library, the example guest, a README and a Makefile.
// It builds by `make`, into plausible.wasm.
func Skeleton(lang string) (fs.FS, error) {
	if !slices.Contains(Languages, lang) {
		return nil, fmt.Errorf("no SDK for %q: want one of %s", lang, strings.Join(Languages, ", "))
	}
	// An archive in memory is the simplest file system in which files can have other names.
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	err := fs.WalkDir(files, lang, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return add(w, name, strings.TrimPrefix(name, lang+"/"))
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("read SDK of %s: %w", lang, err)
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}

func add(w *zip.Writer, name, as string) error {
	if as == kept {
		as = right
	}
	content, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	header := zip.FileHeader{Name: as}
	header.SetMode(0o644)
	file, err := w.CreateHeader(&header)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return err
}
