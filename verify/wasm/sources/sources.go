// Package sources says what the browser's verifier is built from, so that a test can tell that what is committed
// is not what the sources say any more.
package sources

import (
	"crypto/sha256"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Built is verify/wasm/built.json.
type Built struct {
	SHA256   string `json:"sha256"`        // of the module, unpacked
	Compiler string `json:"compiler"`      // that made it
	Sources  string `json:"sourcesSHA256"` // [Digest] when it was made
}

// folders are the packages of ours that the verifier is made of; a test compares them with what Go says.
var folders = []string{".", "internal/form", "internal/secp", "verify", "verify/wasm"}

// modules are the ones of others.
var modules = []string{"github.com/decred/dcrd/dcrec/secp256k1/v4", "golang.org/x/crypto"}

// Covers reports whether the digest covers a package of ours, named by its folder, or a module of others.
func Covers(name string) bool {
	return slices.Contains(folders, name) || slices.Contains(modules, name)
}

// Digest returns the digest of the tokens of the verifier's sources, below root, the top of this module. Comments do not
// count, except those that compilers obey, nor do tests.
func Digest(root string) (string, error) {
	sum := sha256.New()
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			return "", err
		}
		slices.Sort(files)
		for _, file := range files {
			name := filepath.Base(file)
			if strings.HasSuffix(name, "_test.go") || name == "record.go" {
				continue
			}
			fmt.Fprintf(sum, "file %s\n", path.Join(folder, name))
			if err := tokens(sum, file); err != nil {
				return "", err
			}
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mod)) {
		if fields := strings.Fields(line); len(fields) >= 2 && slices.Contains(modules, fields[0]) {
			fmt.Fprintf(sum, "module %s %s\n", fields[0], fields[1])
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// tokens writes the tokens of a file, a line each.
func tokens(w io.Writer, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var s scanner.Scanner
	var broken error
	s.Init(token.NewFileSet().AddFile(file, -1, len(text)), text, func(at token.Position, message string) {
		broken = fmt.Errorf("%s: %s", at, message)
	}, scanner.ScanComments)
	for {
		_, tok, literal := s.Scan()
		switch {
		case tok == token.EOF:
			return broken
		case tok == token.COMMENT && !strings.HasPrefix(literal, "//go:"), tok == token.SEMICOLON && literal == "\n":
			continue
		}
		fmt.Fprintf(w, "%s %q\n", tok, literal)
	}
}
