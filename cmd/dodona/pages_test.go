package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

const repository = "../.."

var (
	linkPattern    = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	blockPattern   = regexp.MustCompile("(?ms)^```[a-z]*\\n(.*?)^```$")
	headingPattern = regexp.MustCompile(`(?m)^(#+) .+$`)
	codePattern    = regexp.MustCompile("`[^`\n]+`")
)

func pageText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// linksOf returns where a page leads within the repository.
func linksOf(t *testing.T, page string) (links []string) {
	t.Helper()
	for _, m := range linkPattern.FindAllStringSubmatch(blockPattern.ReplaceAllString(pageText(t, page), ""), -1) { // code has brackets too
		if !strings.Contains(m[1], "://") {
			links = append(links, filepath.Join(filepath.Dir(page), m[1]))
		}
	}
	return links
}

// TestEveryPageIsReachedFromTheReadme: guides by one link, other pages by several, and no link leads nowhere.
func TestEveryPageIsReachedFromTheReadme(t *testing.T) {
	reached := map[string]bool{"README.md": true}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		for _, to := range linksOf(t, queue[0]) {
			if _, err := os.Stat(filepath.Join(repository, to)); err != nil {
				t.Errorf("%s leads to %s, which is not there", queue[0], to)
				continue
			}
			if !reached[to] && strings.HasSuffix(to, ".md") {
				queue = append(queue, to)
			}
			reached[to] = true
		}
	}
	first := linksOf(t, "README.md")
	for _, pattern := range []string{"docs/guide/*.md", "docs/*.md", "spec/*.md"} {
		pages, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: %v, %v", pattern, pages, err)
		}
		for _, path := range pages {
			page, err := filepath.Rel(repository, path)
			if err != nil {
				t.Fatal(err)
			}
			if !reached[page] {
				t.Errorf("no link leads from README.md to %s", page)
			}
			if strings.HasPrefix(page, "docs/guide/") && !slices.Contains(first, page) {
				t.Errorf("README.md does not link to %s", page)
			}
		}
	}
}

// TestTheReadmeSaysTheSameInChinese: commands, configurations, headings by their levels, links, and what is code in a line.
func TestTheReadmeSaysTheSameInChinese(t *testing.T) {
	english, chinese := pageText(t, "README.md"), pageText(t, "README.zh-CN.md")
	all := func(pattern *regexp.Regexp, text string) (list []string) {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			list = append(list, m[len(m)-1])
		}
		return list
	}
	blocks := func(text string) (list []string) {
		for _, block := range all(blockPattern, text) {
			list = append(list, comments.ReplaceAllString(block, "")) // comments are talk
		}
		return list
	}
	links := func(page string) []string {
		list := slices.DeleteFunc(linksOf(t, page), func(to string) bool { return strings.HasPrefix(to, "README") })
		return list
	}
	codes := func(text string) []string {
		text = blockPattern.ReplaceAllString(text, "")
		list := codePattern.FindAllString(text, -1)
		slices.Sort(list)
		return list
	}
	for what, pair := range map[string][2][]string{
		"blocks":   {blocks(english), blocks(chinese)},
		"headings": {all(headingPattern, english), all(headingPattern, chinese)},
		"links":    {links("README.md"), links("README.zh-CN.md")},
		"code":     {codes(english), codes(chinese)},
	} {
		for i := range max(len(pair[0]), len(pair[1])) {
			if e, c := nth(pair[0], i), nth(pair[1], i); e != c {
				t.Errorf("%s %d: in English %q, in Chinese %q", what, i, e, c)
				break
			}
		}
	}
	for page, text := range map[string]string{"README.md": english, "README.zh-CN.md": chinese} {
		if lines := strings.Count(text, "\n"); lines > 120 {
			t.Errorf("%s has %d lines, at most 120 are wanted", page, lines)
		}
	}
	if han := len(regexp.MustCompile(`\p{Han}`).FindAllString(chinese, -1)); han < 800 {
		t.Errorf("the Chinese page has %d Chinese characters", han)
	}
}

// TestTheReadmeSaysWhichKindsAreToCome: those that check knows as such, in both languages.
func TestTheReadmeSaysWhichKindsAreToCome(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		said := regexp.MustCompile(`\n\| (?:sources|数据源) [^\n]*\| ([^|;；\n]+)[;；]`).FindStringSubmatch(pageText(t, page))
		if said == nil {
			t.Errorf("%s has no list of the kinds of sources to come", page)
			continue
		}
		var names []string
		for _, name := range regexp.MustCompile(`[,、] ?`).Split(said[1], -1) {
			name = regexp.MustCompile(`^.*（(.*)）$`).ReplaceAllString(strings.TrimSuffix(name, " lines"), "$1")
			names = append(names, strings.ToLower(strings.ReplaceAll(name, " ", "")))
		}
		if !slices.Equal(names, config.Coming) {
			t.Errorf("%s names %q, and check knows %q", page, names, config.Coming)
		}
	}
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// comments of commands, each to the end of its line.
var comments = regexp.MustCompile(`(?m)[ \t]*#.*$`)

// TestTheReadmeIsInTheOrderOfAFirstHour.
func TestTheReadmeIsInTheOrderOfAFirstHour(t *testing.T) {
	text, from := pageText(t, "README.md"), 0
	for _, step := range []string{
		"# Dodona\n", "make build", "go install github.com/dodona-oracle/dodona/cmd/dodona@latest", "make demo", "endpoint: ", "dodona key new --raw",
		"$ dodona run", "Exit codes", "to come", "docs/guide/",
	} {
		i := strings.Index(text[from:], step)
		if i < 0 {
			t.Errorf("%q is not there, or too early", step)
			continue
		}
		from += i
	}
}
