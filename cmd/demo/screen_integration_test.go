//go:build integration

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/tmuxtest"
	"github.com/dodona-oracle/dodona/node"
)

// drawsOnly has the test's program draw one tally until it is interrupted, as the demo draws its own.
const drawsOnly = "draw-a-still-tally"

// wholeDemo has the test's program be the demo.
const wholeDemo = "the-demo"

func init() {
	if len(os.Args) > 1 && os.Args[1] == wholeDemo {
		os.Args = slices.Delete(os.Args, 1, 2)
		main()
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == drawsOnly {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		still := stillTally()
		_, _ = follow(ctx, nil, still, newScreen(os.Stdout, stillTitle, stillAdvice))
		if slices.Contains(os.Args, "panic") {
			defer newScreen(os.Stdout, nil, nil).close(still)
			panic("on purpose")
		}
		os.Exit(0)
	}
}

var (
	stillTitle  = []string{"page   http://127.0.0.1:8080   node gw-demo 0x8a6c…2f9a   stop with Ctrl-C"}
	stillAdvice = []string{"in another terminal, from the same folder:", "  bin/dodona status", "  bin/dodona explain btc.usd", "  bin/dodona feed watch btc.usd", "and more", "and more", "and more", "and more", "and more", "and more"}
)

// stillTally has a round long ago, whose age does not change on the screen any more.
func stillTally() *tally {
	m := newMarket(1)
	m.lies, m.hangs = 3, 2
	t := newTally(m, "btc.usd", "btc.kusd")
	round := dodona.RoundAt(time.Date(2026, 11, 30, 12, 4, 30, 0, time.UTC))
	for i, feed := range []dodona.Feed{
		{Name: "btc.usd", Kind: dodona.Enum, Labels: []string{"a-value-that-is-never-cut"}},
		{Name: "btc.kusd", Kind: dodona.Enum, Labels: []string{"43.21855 kUSD"}},
	} {
		o := node.Outcome{Round: round, Kept: 3100 * time.Microsecond, Answer: &dodona.Answer{Feed: feed}, Bundle: &dodona.Bundle{Feed: feed, Inputs: []dodona.Input{
			{Source: "coingecko", Status: dodona.InputOutlier}, {Source: "kraken", Status: dodona.InputUsed}, {Source: "binance", Status: dodona.InputUsed},
		}}}
		t.last[feed.Name] = seen{o, time.Now().Add(time.Duration(i-100_000) * time.Hour)}
	}
	return t
}

// ageless writes the ages of rows as one, for they go on.
func ageless(lines []string) []string {
	out := slices.Clone(lines)
	for i, line := range out {
		words := strings.Fields(line)
		for at, word := range words {
			if at > 0 && words[at] == "s" && strings.Contains(words[at-1], ".") {
				line = strings.Replace(line, words[at-1]+" "+word, strings.Repeat("9", len(words[at-1]))+" s", 1)
			}
		}
		out[i] = line
	}
	return out
}

// expected is what the screen shows at a size.
func expected(columns, rows int) []string {
	still := stillTally()
	cells, _ := still.rows()
	s := &screen{title: stillTitle, advice: stillAdvice}
	frame := s.frame(cells.Lines(columns), still.told(columns), columns, rows)
	if len(frame) > rows {
		frame = append(frame[:rows-1:rows-1], table.Cut(fmt.Sprintf("… %d more lines: make the window higher", len(frame)-rows+1), columns))
	}
	return ageless(frame)
}

func TestTheTableIsWhatTheTerminalShowsAtEverySize(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := tmuxtest.Start(t, 140, 30, nil, program, drawsOnly)
	for _, size := range [][2]int{{140, 30}, {100, 30}, {60, 30}, {80, 30}, {140, 30}, {60, 30}, {80, 7}, {80, 3}, {20, 30}, {20, 5}, {100, 30}} {
		term.Resize(size[0], size[1])
		want := expected(size[0], size[1])
		term.Await(fmt.Sprintf("at %d columns and %d rows\n%s\n", size[0], size[1], strings.Join(want, "\n")), func(lines []string) bool {
			return slices.Equal(ageless(lines), want)
		})
	}
	term.Press("C-c")
	lines := term.Await("what was there before", func(lines []string) bool { return slices.Contains(lines, "exit 0") })
	if n := strings.Count(strings.Join(term.All(), "\n"), "verified"); n != 1 {
		t.Errorf("the table is left %d times, want once:\n%s", n, strings.Join(lines, "\n"))
	}
	long := strings.Repeat("x", 105)
	term.Press("-l", long) // what is typed wraps again
	term.Await("wrapping again", func(lines []string) bool { return slices.Contains(lines, "xxxxx") })
}

func TestAWindowThatGrewLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{100, 40}, {100, 12}, {60, 60}} {
		term := tmuxtest.Start(t, 60, 24, nil, "sh", "-c", `echo one; "$1" "$2"`, "sh", program, drawsOnly)
		for _, at := range [][2]int{{60, 24}, size} {
			term.Resize(at[0], at[1])
			want := expected(at[0], at[1])
			term.Await(fmt.Sprintf("at %d columns and %d rows\n%s\n", at[0], at[1], strings.Join(want, "\n")), func(lines []string) bool {
				return slices.Equal(ageless(lines), want)
			})
		}
		term.Press("C-c")
		term.Await("what was there before", func(lines []string) bool { return slices.Contains(lines, "exit 0") })
		if all := term.All(); len(all) == 0 || all[0] != "one" {
			t.Errorf("after %v there is\n%s", size, strings.Join(all, "\n"))
		}
	}
}

func TestAPanicLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := tmuxtest.Start(t, 80, 30, nil, program, drawsOnly, "panic")
	term.Await("drawn", func(lines []string) bool {
		return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "a-value-that") })
	})
	term.Press("C-c")
	term.Await("the panic after the table", func(lines []string) bool {
		text := strings.Join(lines, "\n")
		return strings.Contains(text, "panic: on purpose") && strings.Contains(text, "exit 2")
	})
}

func TestATerminalThatCannotMoveItsCursorGetsNoEscapes(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "typescript")
	term := tmuxtest.Start(t, 80, 30, nil, "sh", "-c", `TERM=dumb "$1" "$2" | tee "$3"`, "sh", program, drawsOnly, file)
	dumb := tmuxtest.Start(t, 80, 30, []string{"TERM=dumb"}, "sh", "-c", `TERM=dumb "$1" "$2"`, "sh", program, drawsOnly)
	for _, term := range []*tmuxtest.Terminal{term, dumb} {
		term.Await("a table", func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), "verified") })
		if text := strings.Join(term.All(), "\n"); strings.Count(text, "\nanswers")+strings.Count(text, "\n  answers") != 1 {
			t.Errorf("more than one table at once:\n%s", text)
		}
		if term.Alternate() {
			t.Error("it has gone to the other screen")
		}
	}
	term.Press("C-c")
	term.Await("over", func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), "exit ") })
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 || strings.ContainsRune(string(text), '\x1b') {
		t.Errorf("a pipe gets %q, %v", text, err)
	}
}

func TestTheBuildLeavesOneLine(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "short")
	for _, columns := range []int{40, 120} {
		term := tmuxtest.Start(t, columns, 20, []string{"GOFLAGS=-trimpath", "CGO_ENABLED=0"}, "sh", "-c", `cd "$1" && TERM=screen scripts/build.sh "$2" ./scripts/testtimes`, "sh", root, out)
		got := term.Await("built", func(lines []string) bool { return slices.Contains(lines, "exit 0") })
		if want := []string{"building short: done", "exit 0"}; !slices.Equal(got, want) {
			t.Errorf("at %d columns the build leaves\n%s\nwant\n%s", columns, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	build := exec.Command("scripts/build.sh", out, "./scripts/testtimes")
	build.Dir, build.Env = root, append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	text, err := build.CombinedOutput()
	if err != nil || strings.ContainsAny(string(text), "\x1b\r") || strings.Count(string(text), "\n") != 1 {
		t.Errorf("without a terminal the build says %q, %v", text, err)
	}
}

func TestTheCommandsThatTheDemoEndsWithWorkWhenTheyArePasted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // of a slow machine
	defer cancel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, "cp", program, filepath.Join(dir, "bin", "demo")).CombinedOutput(); err != nil {
		t.Fatalf("copy the demo: %v: %s", err, out)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(dir, "bin"), "../dodona")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build dodona: %v: %s", err, out)
	}
	demo := exec.CommandContext(ctx, "bin/demo", wholeDemo, "--listen", "127.0.0.1:0")
	demo.Dir, demo.Stderr = dir, os.Stderr
	said, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	var live, after []string // commands
	for lines, ended := bufio.NewScanner(said), false; lines.Scan(); {
		line := lines.Text()
		if strings.Contains(line, "\x1b") {
			t.Errorf("an escape in %q, which no terminal reads", line)
		}
		if path, found := strings.CutPrefix(line, "  PATH="); found {
			paste(ctx, t, dir, "PATH="+path+"; cd /; dodona --version", 0)
		}
		isCommand := strings.HasPrefix(line, "  ") && strings.Contains(line, "bin/dodona ")
		switch {
		case isCommand && ended:
			after = append(after, strings.TrimSpace(line))
		case isCommand:
			live = append(live, strings.TrimSpace(line))
		case strings.Contains(line, "verified") && !ended:
			ended = true
			for _, command := range live {
				switch {
				case strings.Contains(command, "watch"): // which goes on
				case strings.Contains(command, "status"):
					paste(ctx, t, dir, command, 0, 4) // degraded, after a lie
				default:
					paste(ctx, t, dir, command, 0)
				}
			}
			if err := demo.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("the demo ends with %v", err)
	}
	if len(live) != 3 || len(after) != 3 {
		t.Fatalf("the demo offers %q while it runs and %q afterwards, want three of each", live, after)
	}
	for i, want := range []int{0, 0, 3} { // the third one is a forgery
		paste(ctx, t, dir, after[i], want)
	}
}

// paste runs a command as somebody does who has copied it.
func paste(ctx context.Context, t *testing.T, dir, command string, want ...int) {
	t.Helper()
	shell := exec.CommandContext(ctx, "sh", "-c", command)
	shell.Dir = dir
	if out, _ := shell.CombinedOutput(); !slices.Contains(want, shell.ProcessState.ExitCode()) {
		t.Errorf("%s ends with %d, want one of %d:\n%s", command, shell.ProcessState.ExitCode(), want, out)
	}
}
