package native

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/memtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// section writes a section of the binary format.
func section(id byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return slices.Concat([]byte{id}, uleb(len(body)), body)
}

// uleb writes an unsigned integer of the binary format.
func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// oneFunction is a module with one function of type () -> ().
func oneFunction(body ...[]byte) []byte {
	code := slices.Concat(body...)
	return slices.Concat(emptyModule,
		section(1, []byte{1, 0x60, 0, 0}),
		section(3, []byte{1, 0}),
		section(10, []byte{1}, uleb(len(code)), code))
}

// nestedBlocks has one function with blocks within each other: 300 KB of 100,000 take the compiler minutes.
func nestedBlocks(n int) []byte {
	return oneFunction([]byte{0}, bytes.Repeat([]byte{0x02, 0x40}, n), bytes.Repeat([]byte{0x0b}, n+1))
}

// manyLocals has one function with so many locals.
func manyLocals(n int) []byte { return oneFunction([]byte{1}, uleb(n), []byte{0x7e, 0x0b}) }

// TestBombsEndTheChildAndNotTheParent lets small modules take a compiler long, or much memory. Package wasm refuses them all; here they get past
// it, as one would that nobody has thought of yet. How long a second of CPU takes is the machine's affair, so the clock bounds only what is to be.
func TestBombsEndTheChildAndNotTheParent(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, test := range []struct {
		name   string
		code   []byte
		limits childLimits
		o      Options
		words  string
	}{
		{"nested blocks", nestedBlocks(100_000), childLimits{time.Second, time.Hour, 2 << 30}, Options{}, "more than 1s of CPU; make the module smaller"},
		{"wall clock", nestedBlocks(100_000), childLimits{time.Hour, time.Second, 2 << 30}, Options{}, "more than 1s, of which "},
		{"50,000,000 locals", manyLocals(50_000_000), childLimits{time.Hour, time.Hour, 256 << 20}, Options{}, "more than 256 MiB of memory; make the module smaller"},
		{"50,000,000 locals, interpreted", manyLocals(50_000_000), childLimits{time.Hour, time.Hour, 256 << 20}, Options{Interpreter: true}, "more than 256 MiB of memory; make the module smaller"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore(t, inChild(t, test.o))
			s.child.limits = test.limits
			before := memtest.Reset(t)
			_, err := seated(t.Context(), t, s, test.code)
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("got %v, want %q and what to do", err, test.words)
			}
			if grown := memtest.Peak(t) - before; grown > 16<<20 {
				t.Errorf("the parent grew by %s, want at most 16 MiB", unit.About(grown))
			}
		})
	}
}

func TestContextEndsCompilation(t *testing.T) {
	s := newStore(t, inChild(t, Options{}))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := seated(ctx, t, s, nestedBlocks(100_000)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestChildSaysWhatIsWrongWithAModule(t *testing.T) {
	_, err := seated(t.Context(), t, newStore(t, inChild(t, Options{})), []byte("no module"))
	if err == nil || !strings.Contains(err.Error(), "invalid magic number") {
		t.Errorf("got %v, want what wazero says", err)
	}
}

// TestChildIsConfined lets a shell stand in for the child and say how it was started.
func TestChildIsConfined(t *testing.T) {
	out := filepath.Join(t.TempDir(), "said")
	s := newStore(t, Options{Worker: []string{
		"/bin/sh", "-c",
		`{ cat /proc/$$/environ | tr '\0' '\n' | wc -c; cut -d' ' -f5 /proc/$$/stat; echo $$; } > ` + out + `; cat > /dev/null`,
	}})
	_, _ = seated(t.Context(), t, s, emptyModule)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Fields(string(text))
	if len(said) != 3 || said[0] != "0" || said[1] != said[2] {
		t.Errorf("bytes of environment, process group, process: got %q; want 0 and a group of its own", said)
	}
}

// TestWhatAChildLeavesHasTheNameOfNativeCode lets a shell stand in for a child that is another program.
func TestWhatAChildLeavesHasTheNameOfNativeCode(t *testing.T) {
	s := newStore(t, Options{})
	folder, file := filepath.Split(s.example)
	for name, left := range map[string]string{
		"nothing":        "mkdir " + folder,
		"another folder": "mkdir wazero-other; echo code > wazero-other/" + file,
		"too short":      "mkdir " + folder + "; echo code > " + s.example[:len(s.example)-1],
		"no hexadecimal": "mkdir " + folder + "; echo code > " + s.example[:len(s.example)-1] + "x",
		"two files":      "mkdir " + folder + "; echo code > " + s.example + "; echo code > " + folder + strings.Repeat("0", len(file)),
	} {
		s.child.command = []string{"/bin/sh", "-c", "PATH=/usr/bin:/bin; cat > /dev/null; " + left}
		by := &told{seat: newSeat(t, s, answering(1))}
		code, err := s.Find(guestOne(by.wasm))
		if err != nil {
			t.Fatal(err)
		}
		err = code.Load(t.Context(), Rewritten{Wasm: by.wasm}, by)
		if err == nil || !strings.Contains(err.Error(), "it must be the same program as this one") || len(by.calls) > 0 {
			t.Errorf("%s: %v, called were %q", name, err, by.calls)
		}
	}
}

// TestChildLimitsItself asks the kernel about this test's binary when it is the child and waits for its module.
func TestChildLimitsItself(t *testing.T) {
	o := inChild(t, Options{})
	cmd := exec.CommandContext(t.Context(), o.Worker[0], o.Worker[1], "plain", t.TempDir(), "7", strconv.Itoa(100<<20))
	cmd.Env = []string{}
	confine(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	proc := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid))
	// The child reads its module only when it has limited itself. What does not fit into a pipe is the proof that it reads.
	if _, err := stdin.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile(filepath.Join(proc, "limits"))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stderr); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child compiled zeros")
	}
	for _, want := range []string{`Max cpu time +7 +9 `, `Max core file size +0 +0 `, `Max open files +[3-6]\d +[3-6]\d `, `Max address space +\d+ +\d+ `} {
		if !regexp.MustCompile(want).Match(limits) {
			t.Errorf("limits are\n%s\nwant %s", limits, want)
		}
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
	if nice, err := strconv.Atoi(fields[17]); err != nil || nice < 10 {
		t.Errorf("nice is %s, want 10 or more", fields[17])
	}
}
