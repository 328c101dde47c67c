package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

const head = `# Mutants that live

<!-- make mutants writes this page, but for the reasons: they are written by hand beside a survivor, and stay there. -->

` + "`make mutants`" + ` changes the code in one place after another and runs the tests that come by. What no test sees is here:
either a test is missing, or there is a reason why none should be. A mutant that an earlier run tried stays listed with its reason while its code
stands, so a package may list more than its last run left alive. How it works, and which changes it makes:
` + "`scripts/mutants`" + `.
`

const noReason = "**a test is missing**"

// row is a survivor on the page.
type row struct{ key, reason string }

// section is what the page says of a package.
type section struct {
	pkg, score string
	rows       []row
}

// readPage reads the sections of a page that writePage wrote.
func readPage(text string) (all []section) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			all = append(all, section{pkg: name})
			continue
		}
		if len(all) == 0 || line == "" {
			continue
		}
		last := &all[len(all)-1]
		if !strings.HasPrefix(line, "| ") {
			if !strings.HasPrefix(line, "|") {
				last.score = line
			}
			continue
		}
		key, reason, ok := strings.Cut(strings.Trim(line, "| "), " | ")
		if ok && key != "mutant" {
			last.rows = append(last.rows, row{key, reason})
		}
	}
	return all
}

// readReasons returns the reasons of a page by the mutants' keys. A page that is not there yet has none.
func readReasons(page string) (map[string]string, error) {
	text, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	reasons := map[string]string{}
	for _, s := range readPage(string(text)) {
		for _, r := range s.rows {
			if r.reason != noReason {
				reasons[r.key] = r.reason
			}
		}
	}
	return reasons, nil
}

// merge brings the sections of what was tried up to date. A row with a reason stays where its mutant was not tried.
func merge(old []section, o options, scores []score, reasons map[string]string) []section {
	for _, s := range scores {
		fresh := section{pkg: s.pkg, score: fmt.Sprintf("%s, with %s.", s, o)}
		for _, m := range s.survivors {
			reason := reasons[m.key()]
			if reason == "" {
				reason = noReason
			}
			fresh.rows = append(fresh.rows, row{m.key(), reason})
		}
		i := slices.IndexFunc(old, func(other section) bool { return other.pkg == s.pkg })
		if i < 0 {
			old = append(old, fresh)
			continue
		}
		for _, r := range old[i].rows {
			if r.reason != noReason && s.rest[r.key] {
				fresh.rows = append(fresh.rows, r)
			}
		}
		old[i] = fresh
	}
	return old
}

func writePage(page string, o options, scores []score, reasons map[string]string) error {
	text, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var b strings.Builder
	b.WriteString(head)
	for _, s := range merge(readPage(string(text)), o, scores, reasons) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.pkg, s.score)
		if len(s.rows) == 0 {
			continue
		}
		b.WriteString("\n| mutant | why it may live |\n|---|---|\n")
		for _, r := range s.rows {
			fmt.Fprintf(&b, "| %s | %s |\n", r.key, r.reason)
		}
	}
	return os.WriteFile(page, []byte(b.String()), 0o644)
}
