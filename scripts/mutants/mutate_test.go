package main

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// changed is every kind of change, each with what it must become.
func TestEveryKindOfChangeIsMade(t *testing.T) {
	for _, c := range []struct {
		code string // the body of a function
		want []string
	}{
		{"_ = a < b", []string{"_ = a <= b"}},
		{"_ = a <= b", []string{"_ = a < b"}},
		{"_ = a > b", []string{"_ = a >= b"}},
		{"_ = a >= b", []string{"_ = a > b"}},
		{"_ = a == b", []string{"_ = a != b"}},
		{"_ = a && b", []string{"_ = a || b", "_ = a", "_ = b"}},
		{"_ = a || b", []string{"_ = a && b", "_ = a", "_ = b"}},
		{"_ = a - b", []string{"_ = a + b"}},
		{"_ = a * b", []string{"_ = a / b"}},
		{"_ = !a", []string{"_ = a"}},
		{"_ = 5", []string{"_ = 6", "_ = 4"}},
		{"_ = 0", []string{"_ = 1"}},
		{"_ = true", []string{"_ = false"}},
		{"_ = time.Minute", []string{"_ = (2 * time.Minute)"}},
		{"a++", []string{"", "a--"}},
		{"a = b", []string{"_ = b"}},
		{"a += b", []string{""}},
		{"a, b = c, d", []string{"_, _ = c, d"}},
		{"_, _ = call(a)", nil},
		{"return 5, true, fmt.Errorf(a)", nil},
		{"return false, ErrA", nil},
		{"return false, &AError{}", nil},
		{"return false, err", []string{"return true, err"}},
		{"if err != nil { return false, err }", []string{"if err == nil { return false, err }"}},
		{"return a + b, ErrA", []string{"return a - b, ErrA"}},
		{"a = nil", []string{""}},
		{"call(a)", []string{""}},
		{"defer call(a)", []string{"", "defer "}}, // the second is none: it does not compile
		{"if a { call() }", []string{"if !(a) { call() }", "if a {  }"}},
		{"if a == b { return }", []string{"if a != b { return }"}},
		{"if !a { return }", []string{"if a { return }"}},
		{"for { break }", []string{"for { continue }", "for {  }"}},
		{"for { continue }", []string{"for { break }", "for {  }"}},
		{"l.log.Warn(a)", nil},
		{"_ = make([]byte, 0, 4)", []string{"_ = make([]byte, 1, 4)"}},
		{"_ = 0o644", nil},
	} {
		// A blank assignment stands for what reads a value; leaving it out is no change.
		text := "package p\n\nfunc f() {\n\t" + c.code + "\n}\n"
		var got []string
		for _, m := range of(t, text) {
			is := string(m.apply([]byte(text)))
			is = strings.TrimSuffix(strings.TrimPrefix(is, "package p\n\nfunc f() {\n\t"), "\n}\n")
			if is != c.code && !slices.Contains(got, is) {
				got = append(got, is)
			}
		}
		want := slices.DeleteFunc(c.want, func(s string) bool { return s == "defer " })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s becomes %q, want %q", c.code, got, want)
		}
	}
}

func of(t *testing.T, text string) []mutant {
	t.Helper()
	all, err := mutants("p", "p/a.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMutantsParseAndDifferFromWhatWas(t *testing.T) {
	text := "package p\n\nconst most = 3\n\nfunc (t *T[K]) f(a, b int) bool {\n\tif a > most && b > 1 {\n\t\treturn a+1 < b // as told\n\t}\n\treturn false\n}\n"
	all := of(t, text)
	if len(all) < 10 {
		t.Fatalf("%d mutants, want more", len(all))
	}
	for _, m := range all {
		changed := string(m.apply([]byte(text)))
		if _, err := parser.ParseFile(token.NewFileSet(), "a.go", changed, 0); err != nil || changed == text {
			t.Errorf("%s: %v\n%s", m.key(), err, changed)
		}
	}
}

func TestAKeyOutlivesLinesAboveAndTellsTwins(t *testing.T) {
	text := "package p\n\nfunc (t *T) f(a int) bool {\n\treturn a == 1 || a == 1\n}\n"
	keys := func(text string) (all []string) {
		for _, m := range of(t, text) {
			all = append(all, m.key())
		}
		return all
	}
	here := keys(text)
	moved := keys(strings.Replace(text, "func", "// f is new here.\n\nfunc", 1))
	if !slices.Equal(here, moved) {
		t.Errorf("keys are %q, and %q below a comment", here, moved)
	}
	if !slices.Contains(here, "p/a.go T.f: `a == 1` → `a != 1` (2)") {
		t.Errorf("no key for the second of twins among %q", here)
	}
	slices.Sort(here)
	if len(slices.Compact(here)) != len(moved) {
		t.Errorf("two mutants have one key among %q", moved)
	}
}

func TestASampleKnowsTheSeedAndTheTextAlone(t *testing.T) {
	text := "package p\n\nfunc f(a int) bool {\n\treturn a == 1 || a == 2 || a == 3 || a == 4\n}\n"
	order := func(seed uint64, text string) (keys []string) {
		all := of(t, text)
		sample(all, seed)
		for _, m := range all {
			if m.function == "f" {
				keys = append(keys, m.key())
			}
		}
		return keys
	}
	first := order(1, text)
	if !slices.Equal(first, order(1, text+"\nfunc g(a int) bool { return a > 7 }\n")) {
		t.Error("another function changes the order of a function's mutants")
	}
	if slices.Equal(first, order(2, text)) {
		t.Error("two seeds choose alike")
	}
}
