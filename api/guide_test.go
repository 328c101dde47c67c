package api_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/verify"
)

// TestTheGuideKnowsEveryPathAndProblem keeps docs/guide/api.md complete: problem types point into it.
func TestTheGuideKnowsEveryPathAndProblem(t *testing.T) {
	guide, err := os.ReadFile("../docs/guide/api.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	problem := regexp.MustCompile(`problem\{\s*kind: +"([a-z-]+)"`)
	route := regexp.MustCompile(`add\("(/[^"]+)"`)
	found := 0
	for _, name := range files {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range problem.FindAllSubmatch(code, -1) {
			found++
			if !strings.Contains(string(guide), `<a id="problem-`+string(m[1])+`">`) {
				t.Errorf("%s: the guide does not know the problem %q", name, m[1])
			}
		}
		for _, m := range route.FindAllSubmatch(code, -1) {
			found++
			if !strings.Contains(string(guide), string(m[1])) {
				t.Errorf("%s: the guide does not know the path %s", name, m[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("found %d problems and paths, expected more than 30: do the expressions still fit?", found)
	}
}

// TestEveryReasonOfAVerdictIsExplained: the command, the API and the page say the same words, and each has its place in
// the specification, in the guide, and among the steps of the page.
func TestEveryReasonOfAVerdictIsExplained(t *testing.T) {
	read := func(files ...string) (text string) {
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text += string(raw)
		}
		return text
	}
	spec, guide := read("../spec/report.md", "../spec/proof.md"), read("../docs/guide/verifier.md")
	var steps []string
	for _, list := range regexp.MustCompile(`reasons: \[([^\]]*)\]`).FindAllStringSubmatch(read("../web/verify.js"), -1) {
		for _, word := range regexp.MustCompile(`"([a-z]+)"`).FindAllStringSubmatch(list[1], -1) {
			steps = append(steps, word[1])
		}
	}
	for _, reason := range verify.Reasons() {
		word := "`" + string(reason) + "`"
		if !strings.Contains(spec, word) {
			t.Errorf("the specification does not say when %s is the reason", word)
		}
		if reason == verify.Valid {
			continue
		}
		if !strings.Contains(guide, word) {
			t.Errorf("the guide does not know the reason %s", word)
		}
		if i := slices.Index(steps, string(reason)); i < 0 {
			t.Errorf("no step of the page fails for the reason %s", word)
		} else {
			steps = slices.Delete(steps, i, i+1)
		}
	}
	if len(steps) > 0 {
		t.Errorf("steps of the page fail for %q, which verify never says, or says once", steps)
	}
}

func TestThePageIsSmallAndCarriesNoMarkupFromData(t *testing.T) {
	files, err := filepath.Glob("../web/*")
	if err != nil {
		t.Fatal(err)
	}
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://[a-z]`)
	sizes := make(map[string]int)
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) == ".gz" {
			continue // the verifier, which is loaded when it is first asked for
		}
		sizes[filepath.Base(name)] = len(body)
		text := strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "")
		if m := forbidden.FindString(text); m != "" {
			t.Errorf("%s holds %q", name, m)
		}
	}
	for _, start := range []string{"index.html", "verify.html"} {
		total := 0
		for _, name := range loaded(t, start) {
			size, found := sizes[name]
			if !found {
				t.Errorf("%s loads %s, which is not there", start, name)
			}
			total += size
		}
		if total > 100_000 || total < 10_000 {
			t.Errorf("%s and what it loads are %d bytes, 100,000 are allowed", start, total)
		}
	}
}

// loaded returns a file of the page and all that it loads by itself.
func loaded(t *testing.T, start string) (names []string) {
	t.Helper()
	named := regexp.MustCompile(`(?m)(?:href="|src="|^import .* from "\./|^import "\./)([a-z-]+\.(?:js|css|svg))"`)
	names = []string{start}
	for i := 0; i < len(names); i++ {
		body, err := os.ReadFile(filepath.Join("../web", names[i]))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(body), -1) {
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	return names
}
