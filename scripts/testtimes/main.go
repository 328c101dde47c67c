// Command testtimes reads what `go test -json` wrote. With a log it is the end of a pipe: it keeps each line there and
// prints what `go test` prints, a line for each package and the output of what failed. It ends with the slowest tests
// and packages, and with 1 where something failed.
//
//	go test -json ./... | testtimes -log .cache/tests.json
//	testtimes <.cache/tests.json
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	path := flag.String("log", "", "`file` that keeps the lines; without it they are not news, and only times are printed")
	most := flag.Int("n", 20, "how many of the slowest `tests` to list")
	flag.Parse()
	failed, err := run(os.Stdin, os.Stdout, *path, *most)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testtimes:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, path string, most int) (failed bool, err error) {
	r := newReport()
	if path == "" {
		if err := r.read(in, io.Discard); err != nil {
			return false, err
		}
		r.times(out, most)
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	log, err := os.Create(path)
	if err != nil {
		return false, err
	}
	defer log.Close()
	kept := bufio.NewWriter(log)
	if err := r.read(io.TeeReader(in, kept), out); err != nil {
		return false, err
	}
	if err := kept.Flush(); err != nil {
		return false, err
	}
	r.times(out, most)
	r.tellUntested(out)
	return r.failed, log.Close()
}
