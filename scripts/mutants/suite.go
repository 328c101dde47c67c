package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// suite is the tests of a package, and where each comes by in the package that is changed.
type suite struct {
	pkg   string
	short bool
	tests []*one
}

type one struct {
	name string
	cost bound
	by   []span
}

// bound is how much of the processor and of the clock tests take, or may.
type bound struct{ burnt, passed time.Duration }

// most is what tests that took b alone may take with a mutant. What never ends burns the processor, and a busy machine
// does not change what is burnt; the clock only ends what waits.
func (b bound) most() bound {
	return bound{burnt: 10*time.Second + 3*b.burnt, passed: 40*time.Second + 10*b.passed}
}

// span is a block of code that a test ran.
type span struct {
	file                 string
	line, col, end, last int
}

var isTest = regexp.MustCompile(`^(Test|Fuzz|Example)`)

// measure runs each test of pkg alone and keeps where it came by in target.
func measure(temp, target, pkg string, short bool) (*suite, error) {
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	binary := filepath.Join(temp, "cover.test")
	if _, err := output("go", "test", "-c", "-vet=off", "-cover", "-coverpkg=./"+target, "-o", binary, "./"+pkg); err != nil {
		return nil, err
	}
	s := &suite{pkg: pkg, short: short}
	listed, err := s.command(context.Background(), binary, "-test.list=.").Output()
	if err != nil {
		return nil, fmt.Errorf("list tests of %s: %w", pkg, err)
	}
	for name := range strings.FieldsSeq(string(listed)) {
		if !isTest.MatchString(name) {
			continue
		}
		profile := filepath.Join(temp, "profile")
		os.Remove(profile)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		c := s.command(ctx, binary, "-test.run=^"+name+"$", "-test.coverprofile="+profile)
		began := time.Now()
		out, err := c.CombinedOutput()
		passed := time.Since(began)
		cancel()
		if err != nil {
			fmt.Printf("left out   %s %s: it fails alone: %.200s\n", pkg, name, bytes.TrimSpace(out))
			continue
		}
		text, err := os.ReadFile(profile)
		if err != nil {
			return nil, err
		}
		burnt := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		s.tests = append(s.tests, &one{name, bound{burnt, passed}, spans(text)})
	}
	slices.SortStableFunc(s.tests, func(a, b *one) int { return cmp.Compare(a.cost.burnt+a.cost.passed, b.cost.burnt+b.cost.passed) })
	return s, nil
}

// command runs a binary of tests in the folder of its package.
func (s *suite) command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	if s.short {
		args = append(args, "-test.short")
	}
	c := exec.CommandContext(ctx, binary, args...)
	c.Dir = s.pkg
	c.WaitDelay = time.Second
	return c
}

// spans reads the blocks of a profile that ran.
func spans(profile []byte) []span {
	var all []span
	for lines := bufio.NewScanner(bytes.NewReader(profile)); lines.Scan(); {
		file, rest, ok := strings.Cut(lines.Text(), ".go:")
		if !ok || strings.HasSuffix(rest, " 0") {
			continue
		}
		var b span
		var statements, count int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.line, &b.col, &b.end, &b.last, &statements, &count); err != nil {
			continue
		}
		b.file = filepath.Base(file) + ".go"
		all = append(all, b)
	}
	return all
}

// passing returns the tests that come by a mutant, fastest first. What stands outside of functions is in no profile:
// every test comes by.
func (s *suite) passing(m mutant) (tests []*one) {
	outside := slices.Contains([]string{"const", "var", "type"}, m.function)
	for _, t := range s.tests {
		if outside || slices.ContainsFunc(t.by, func(b span) bool {
			return b.file == filepath.Base(m.file) && b.line <= m.ran && m.ran <= b.end
		}) {
			tests = append(tests, t)
		}
	}
	return tests
}

// partLasts is about how long the tests of one process take: as long as most allows for them, times over, one that hangs is
// waited for.
const partLasts = 2 * time.Second

// parts divides tests, fastest first, so that those are tried first, and one that hangs is soon given up.
func parts(tests []*one) (list [][]*one) {
	half := (len(tests) + 1) / 2
	from, lasts := 0, time.Duration(0)
	for i, t := range tests {
		if lasts += t.cost.passed; i+1-from < half && lasts < partLasts && i+1 < len(tests) {
			continue
		}
		list = append(list, tests[from:i+1])
		from, lasts = i+1, 0
	}
	return list
}

// run runs tests until one fails and says which, or returns "". The number is that of a mutant which is woven in, or 0.
func (s *suite) run(binary string, number int, tests []*one) (by string) {
	for _, part := range parts(tests) {
		names := make([]string, len(part))
		var cost bound
		for i, t := range part {
			names[i] = t.name
			cost.burnt += t.cost.burnt
			cost.passed += t.cost.passed
		}
		ctx, cancel := context.WithTimeout(context.Background(), cost.most().passed)
		seconds := strconv.Itoa(int(cost.most().burnt / time.Second))
		args := []string{"-c", "ulimit -t " + seconds + `; exec "$0" "$@"`, binary}
		args = append(args, "-test.run=^("+strings.Join(names, "|")+")$", "-test.failfast", "-test.timeout=0")
		c := s.command(ctx, "bash", args...)
		c.Env = append(os.Environ(), variable+"="+strconv.Itoa(number))
		out, err := c.CombinedOutput()
		late := errors.Is(ctx.Err(), context.DeadlineExceeded)
		cancel()
		if late {
			return "time"
		}
		if err != nil {
			return failing(out)
		}
	}
	return ""
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failing names the test that failed, as far as the output says.
func failing(out []byte) string {
	if found := failure.FindSubmatch(out); found != nil {
		return string(found[1])
	}
	return "a panic"
}
