// Command mutants changes the code of packages in one place after another, and says which changes no test sees: a moved
// boundary, a condition turned round or cut, an operation, a number, a statement that is gone. It runs only tests that
// come by the place, each found by a run of its own. A mutant is killed if one of them
// fails, or goes on for far longer than before. One build holds all mutants of functions: weave.go.
//
//	mutants -n 60 sign quorum sink+sink/evm
//
// A package after a plus is one whose tests count as well. With GOFLAGS=-tags=integration those that have the tag count too.
// Which mutants of a package are tried depends on the seed and on their text alone, so that a change of the code changes few of
// them. docs/mutants.md is written from the survivors; a reason that stands there beside a survivor stays. The end is 0 only if
// enough were killed and each survivor has a reason.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

type options struct {
	most  int
	seed  uint64
	least int
	short bool
	only  string
}

// String says what decides the score.
func (o options) String() string {
	said := fmt.Sprintf("-n %d -seed %d", o.most, o.seed)
	if o.short {
		said += " -short"
	}
	return said
}

func main() {
	var o options
	flag.IntVar(&o.most, "n", 60, "how many `mutants` to try of each package; 0 is all")
	flag.Uint64Var(&o.seed, "seed", 1, "chooses which")
	flag.IntVar(&o.least, "least", 90, "the `percent` that must be killed")
	flag.BoolVar(&o.short, "short", false, "run tests as go test -short does: faster, and fewer are killed")
	flag.StringVar(&o.only, "only", "", "try only mutants whose key has this `text`")
	page := flag.String("page", "", "the `file` of survivors to bring up to date")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "mutants: name packages, such as sign or sink+sink/evm")
		os.Exit(2)
	}
	well, err := run(o, *page, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if !well {
		os.Exit(1)
	}
}

func run(o options, page string, names []string) (well bool, err error) {
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temp)
	var reasons map[string]string
	if page != "" {
		if reasons, err = readReasons(page); err != nil {
			return false, err
		}
	}
	well = true
	var scores []score
	for i, name := range names {
		dir := filepath.Join(temp, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return false, err
		}
		s, err := try(o, dir, name)
		if err != nil {
			return false, err
		}
		scores = append(scores, s)
		unargued := 0
		for _, m := range s.survivors {
			if reasons[m.key()] == "" {
				unargued++
			}
		}
		fmt.Printf("%s: %s, %d without a reason\n", name, s, unargued)
		well = well && s.percent() >= float64(o.least) && unargued == 0
	}
	if page == "" {
		return well, nil
	}
	return well, writePage(page, o, scores, reasons)
}
