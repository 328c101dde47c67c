// Command generate writes what internal/fielddoc says: config/fields.json, docs/kinds, docs/guide/configuration.md and docs/guide/metrics.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona/internal/fielddoc"
)

func main() {
	root := flag.String("root", ".", "the top of the module")
	flag.Parse()
	if err := write(*root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(root string) error {
	manual, err := fielddoc.Read(root)
	if err != nil {
		return err
	}
	files, err := manual.Files()
	if err != nil {
		return err
	}
	stale, err := filepath.Glob(filepath.Join(root, "docs", "kinds", "*.md"))
	if err != nil {
		return err
	}
	for _, page := range stale {
		if name, err := filepath.Rel(root, page); err != nil || files[filepath.ToSlash(name)] != nil {
			continue
		}
		if err := os.Remove(page); err != nil {
			return err
		}
	}
	for name, content := range files {
		to := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
