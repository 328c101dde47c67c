package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is a line of `go test -json`: go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of what is built, in place of Package
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

type test struct{ pkg, name string }

// took is how long a test or, without a name, a package took.
type took struct {
	test
	time time.Duration
}

// report is what is known of a run so far.
type report struct {
	failed   bool
	tests    []took
	packages []took
	said     map[test][]string // what tests wrote that have not ended well
	order    []test            // of said, so that a failure reads as it happened
	untested map[string]int    // what tests that were skipped lack on this machine, and how many they are
}

func newReport() *report { return &report{said: map[test][]string{}, untested: map[string]int{}} }

// read takes the events of in and prints to out what `go test` would print. A line that is no event is printed as it is:
// the go command speaks so where it cannot begin.
func (r *report) read(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var e event
			if line[0] != '{' || json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s\n", line)
			} else {
				r.take(e, out)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event, out io.Writer) {
	id := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "build-fail":
		r.failed = true
	case "output":
		r.hear(id, e.Output)
	case "pass", "skip", "fail":
		r.failed = r.failed || e.Action == "fail"
		if e.Test == "" {
			r.endPackage(e, out)
			return
		}
		if e.Action == "skip" {
			r.lack(r.said[id])
		}
		if e.Action != "fail" {
			delete(r.said, id)
		}
		if !strings.Contains(e.Test, "/") {
			r.tests = append(r.tests, took{id, seconds(e.Elapsed)})
		}
	}
}

// hear keeps a line, but not those that only say which test is on.
func (r *report) hear(id test, line string) {
	if strings.HasPrefix(line, "=== ") || line == "PASS\n" {
		return
	}
	if _, known := r.said[id]; !known {
		r.order = append(r.order, id)
	}
	r.said[id] = append(r.said[id], line)
}

// notTested begins what a test says that this machine lacks something for it.
const notTested = "NOT TESTED HERE: "

// lack counts a test that was skipped for want of something.
func (r *report) lack(lines []string) {
	for _, line := range lines {
		if _, why, found := strings.Cut(line, notTested); found {
			r.untested[strings.TrimSpace(why)]++
			return
		}
	}
}

// tellUntested prints what was not tested, and why.
func (r *report) tellUntested(out io.Writer) {
	for _, why := range slices.Sorted(maps.Keys(r.untested)) {
		fmt.Fprintf(out, "%s%d of the tests: %s\n", notTested, r.untested[why], why)
	}
}

// endPackage prints what its tests wrote, where it failed: of all that did not end well, for a panic or a time-out ends
// tests without a word. Of a package that passed it prints the last line alone, which says so.
func (r *report) endPackage(e event, out io.Writer) {
	own := r.said[test{pkg: e.Package}]
	if e.Action != "fail" && len(own) > 0 {
		own = own[len(own)-1:]
	}
	rest := r.order[:0]
	for _, id := range r.order {
		if id.pkg != e.Package {
			rest = append(rest, id)
			continue
		}
		if e.Action == "fail" && id.name != "" {
			fmt.Fprint(out, strings.Join(r.said[id], ""))
		}
		delete(r.said, id)
	}
	r.order = rest
	fmt.Fprint(out, strings.Join(own, ""))
	if e.Action != "skip" {
		r.packages = append(r.packages, took{test{pkg: e.Package}, seconds(e.Elapsed)})
	}
}

// times prints the slowest tests and packages. A package that ran twice, with the race detector and without, counts as one.
func (r *report) times(out io.Writer, most int) {
	packages := map[string]time.Duration{}
	for _, p := range r.packages {
		packages[p.pkg] += p.time
	}
	var whole []took
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		whole = append(whole, took{test{pkg: name}, packages[name]})
	}
	list(out, "tests", most, r.tests)
	list(out, "packages", most, whole)
}

func list(out io.Writer, what string, most int, all []took) {
	slices.SortStableFunc(all, func(a, b took) int { return cmp.Compare(b.time, a.time) })
	var sum time.Duration
	for _, one := range all {
		sum += one.time
	}
	fmt.Fprintf(out, "\nthe slowest %d of %d %s, which took %v together:\n", min(most, len(all)), len(all), what, sum.Round(time.Second))
	for _, one := range all[:min(most, len(all))] {
		fmt.Fprintf(out, "%8.1f s  %s\n", one.time.Seconds(), strings.TrimSpace(short(one.pkg)+" "+one.name))
	}
}

// short returns a package's folder in this module.
func short(pkg string) string {
	if pkg == "github.com/dodona-oracle/dodona" {
		return "."
	}
	return strings.TrimPrefix(pkg, "github.com/dodona-oracle/dodona/")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
