package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/sdk"
)

type moduleNewCommand struct {
	Lang string `arg:"" help:"The language: ${languages}."`
	Name string `arg:"" optional:"" default:"plausible" help:"The module's name; also the folder's, which is made here (${default})."`
}

// Run makes a folder with a module that builds as it is, and its tests. It never writes into a folder that is there.
func (c moduleNewCommand) Run(term terminal) error {
	if err := manifest.CheckName(c.Name); err != nil {
		return failure{exitUsage, err}
	}
	files, err := sdk.Skeleton(c.Lang, c.Name)
	if err != nil {
		return failure{exitUsage, err}
	}
	if err := os.Mkdir(c.Name, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return failure{exitUsage, fmt.Errorf("%s is there already: give the module another name, or move it away", c.Name)}
		}
		return fmt.Errorf("make folder: %w", err)
	}
	if err := copyFiles(c.Name, files); err != nil {
		_ = os.RemoveAll(c.Name) // this made it: a folder that is half there would look like one that is broken
		return err
	}
	_, err = fmt.Fprintf(term.err, "made %s, a module in %s; next: cd %s && make && dodona module test\n", c.Name, languageName(c.Lang), c.Name)
	return err
}

// copyFiles is [os.CopyFS], but for what a file system in memory cannot say: who may write.
func copyFiles(dir string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return durable.Create(to, content, 0o644)
	})
}

// languageName is how people write a language.
func languageName(lang string) string {
	switch lang {
	case "assemblyscript":
		return "AssemblyScript"
	case "tinygo":
		return "TinyGo"
	case "wat":
		return "the text format of WebAssembly"
	}
	return strings.ToUpper(lang[:1]) + lang[1:]
}
