package api_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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

func TestThePageIsSmallAndCarriesNoMarkupFromData(t *testing.T) {
	files, err := filepath.Glob("../web/*")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://[a-z]`)
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) == ".gz" {
			continue // the verifier, which is loaded when it is first asked for
		}
		total += len(body)
		text := strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "")
		if m := forbidden.FindString(text); m != "" {
			t.Errorf("%s holds %q", name, m)
		}
	}
	if total > 100_000 {
		t.Errorf("the page is %d bytes, 100,000 are allowed", total)
	}
}
