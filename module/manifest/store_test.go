package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// shop is a folder of modules in a test.
type shop struct {
	*testing.T
	Store
}

func newShop(t *testing.T) shop {
	trust := trusting(1)
	dir := t.TempDir()
	return shop{t, Store{Dir: dir, Trust: &trust, Sequences: filepath.Join(t.TempDir(), "kept", "sequences.json"), Now: func() time.Time { return noon }}}
}

func (s shop) put(name string, content []byte) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), content, 0o644); err != nil {
		s.Fatal(err)
	}
}

// release puts a release there, as it is signed.
func (s shop) release(version string, sequence uint64, wasm []byte) {
	s.Helper()
	m := celsius()
	m.Version, m.Sequence, m.Module = version, sequence, digestOf(wasm)
	s.put("celsius-"+version+".wasm", wasm)
	s.put("celsius-"+version+".json", signed(s.T, m, testKey(1)))
}

func TestFindReturnsWhatWasVerified(t *testing.T) {
	s := newShop(t)
	s.release("1.2.0", 7, empty)
	got, err := s.Find("celsius", "1.2.0")
	if err != nil || string(got.Wasm) != string(empty) || !got.Signed || got.Manifest.Sequence != 7 || got.File != filepath.Join(s.Dir, "celsius-1.2.0.wasm") {
		t.Errorf("Find = %+v, %v", got, err)
	}
}

// TestAReleaseIsReadAgain while it is what was found.
func TestAReleaseIsReadAgain(t *testing.T) {
	s := newShop(t)
	s.release("1.2.0", 7, empty)
	found, err := s.Find("celsius", "1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	found.Wasm = nil
	if again, err := found.Read(); err != nil || string(again) != string(empty) {
		t.Errorf("read %x, %v", again, err)
	}
	s.put("celsius-1.2.0.wasm", append(empty, 0))
	if _, err := found.Read(); err == nil || !strings.Contains(err.Error(), "was found with") || !errors.As(err, new(*Refusal)) {
		t.Errorf("other bytes: %v", err)
	}
	s.remove("celsius-1.2.0.wasm")
	if _, err := found.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestRefusedModules(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(s *shop)
		reason  Reason
		says    string
	}{
		"tampered bytes": {func(s *shop) { s.put("celsius-1.2.0.wasm", append(empty[:7:7], 1)) }, Tampered, "get the file again"},
		"longer bytes":   {func(s *shop) { s.put("celsius-1.2.0.wasm", append(empty[:8:8], 0)) }, Tampered, "SHA-256"},
		"no envelope":    {func(s *shop) { s.remove("celsius-1.2.0.json") }, Unsigned, "no celsius-1.2.0.json beside it"},
		"nobody trusted": {func(s *shop) { s.Trust = nil }, Unsigned, "no trust file"},
		"expired":        {func(s *shop) { s.Now = func() time.Time { return noon.Add(time.Hour) } }, Expired, "celsius 1.2.0 was valid until"},
		"another's name": {func(s *shop) {
			m := celsius()
			m.Name = "kelvin"
			s.put("celsius-1.2.0.json", signed(s.T, m, testKey(1)))
		}, Mismatch, "the manifest of kelvin 1.2.0"},
		"another version": {func(s *shop) {
			m := celsius()
			m.Version = "1.2.1"
			s.put("celsius-1.2.0.json", signed(s.T, m, testKey(1)))
		}, Mismatch, "the manifest of celsius 1.2.1"},
		"too large": {func(s *shop) {
			if err := os.Truncate(filepath.Join(s.Dir, "celsius-1.2.0.wasm"), MaxWasm+1); err != nil {
				s.Fatal(err)
			}
		}, TooLarge, "8388608"},
		"large envelope": {func(s *shop) { s.put("celsius-1.2.0.json", make([]byte, MaxEnvelope+1)) }, TooLarge, "celsius-1.2.0.json"},
		"a link":         {func(s *shop) { s.link("celsius-1.2.0.wasm") }, Malformed, "not a regular file"},
		"a linked envelope": {
			func(s *shop) { s.link("celsius-1.2.0.json") }, Malformed, "not a regular file",
		},
		"a pipe": {func(s *shop) {
			s.remove("celsius-1.2.0.wasm")
			if err := syscall.Mkfifo(filepath.Join(s.Dir, "celsius-1.2.0.wasm"), 0o644); err != nil {
				s.Fatal(err)
			}
		}, Malformed, "not a regular file"},
		"a folder": {func(s *shop) {
			s.remove("celsius-1.2.0.wasm")
			if err := os.Mkdir(filepath.Join(s.Dir, "celsius-1.2.0.wasm"), 0o755); err != nil {
				s.Fatal(err)
			}
		}, Malformed, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.release("1.2.0", 7, empty)
			c.prepare(&s)
			got, err := s.Find("celsius", "1.2.0")
			wantRefusal(t, err, c.reason, c.says)
			if got.Wasm != nil {
				t.Error("refused bytes are returned")
			}
			if _, err := os.Stat(s.Sequences); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a refused release is remembered (%v)", err)
			}
		})
	}
}

func (s shop) remove(name string) {
	s.Helper()
	if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
		s.Fatal(err)
	}
}

// link moves a file away and leaves a symbolic link to it.
func (s shop) link(name string) {
	s.Helper()
	elsewhere := filepath.Join(s.TempDir(), name)
	if err := os.Rename(filepath.Join(s.Dir, name), elsewhere); err != nil {
		s.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(s.Dir, name)); err != nil {
		s.Fatal(err)
	}
}

func TestNamesCannotLeaveTheFolder(t *testing.T) {
	s := newShop(t)
	s.Unsigned = true
	for _, c := range [][2]string{
		{"../celsius", "1.2.0"},
		{"celsius", "1.2.0/../../x"},
		{"/etc/passwd", "1.2.0"},
		{"celsius\x00", "1.2.0"},
		{"a/b", "1.0.0"},
		{"celsius", ""},
		{"", "1.2.0"},
		{"CELSIUS", "1.2.0"},
		{".", "1.2.0"},
		{"..", "1.2.0"},
	} {
		_, err := s.Find(c[0], c[1])
		wantRefusal(t, err, Malformed, "module")
	}
	if _, err := s.Find("celsius", "1.2.0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a module that is not there: %v", err)
	}
}

func TestUnsignedModulesAskForNothing(t *testing.T) {
	s := newShop(t)
	s.Unsigned = true
	s.put("celsius-1.2.0.wasm", empty)
	got, err := s.Find("celsius", "1.2.0")
	if err != nil || got.Signed || got.Manifest.Format != 0 || got.Manifest.Module != digestOf(empty) || got.Manifest.Name != "celsius" {
		t.Errorf("without an envelope: %+v, %v", got, err)
	}
	s.put("celsius-1.2.0.json", signed(t, celsius(), testKey(9)))
	_, err = s.Find("celsius", "1.2.0")
	wantRefusal(t, err, Unsigned, "nobody in the trust file signed it")
	s.Trust = nil
	if got, err := s.Find("celsius", "1.2.0"); err != nil || got.Signed || !got.Manifest.Capabilities.NowMS {
		t.Errorf("with nobody to trust: %+v, %v", got, err)
	}
	if _, err := os.Stat(s.Sequences); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unsigned release is remembered (%v)", err)
	}
}

func TestOlderReleasesAreRefused(t *testing.T) {
	s := newShop(t)
	newer := append(empty[:8:8], 0, 1, 0)
	s.release("1.2.0", 7, empty)
	s.release("1.3.0", 8, newer)
	find := func(version string) error { _, err := s.Find("celsius", version); return err }
	for _, version := range []string{"1.2.0", "1.2.0", "1.3.0", "1.3.0"} {
		if err := find(version); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, find("1.2.0"), Rollback, "1.3.0 with 8 was here before")
	s.release("1.4.0", 8, empty)
	wantRefusal(t, find("1.4.0"), Rollback, "which 1.3.0 with other bytes had before")
	if err := find("1.3.0"); err != nil {
		t.Errorf("the newest release is refused after a roll-back: %v", err)
	}
	s.Sequences = ""
	if err := find("1.2.0"); err != nil {
		t.Errorf("without a sequence file: %v", err)
	}
}

// TestBrokenSequencesAreNoBeginning shows that a sequence file that cannot be read is never taken for an empty one.
func TestBrokenSequencesAreNoBeginning(t *testing.T) {
	for name, content := range map[string]string{
		"empty":        "",
		"cut":          `{"format":1,"modules":{"celsius":{"sequence":7,`,
		"zeros":        strings.Repeat("\x00", 512),
		"null":         `{"format":1,"modules":null}`,
		"no modules":   `{"format":1}`,
		"twice":        `{"format":1,"modules":{},"modules":{}}`,
		"sequence 0":   `{"format":1,"modules":{"celsius":{"sequence":0,"version":"1.2.0","module":"` + celsius().Module.String() + `"}}}`,
		"other format": `{"format":2,"modules":{}}`,
		"too large":    `{"format":1,"modules":{}}` + strings.Repeat(" ", maxSequences),
	} {
		s := newShop(t)
		s.release("1.2.0", 7, empty)
		if err := os.MkdirAll(filepath.Dir(s.Sequences), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Sequences, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Find("celsius", "1.2.0")
		if err == nil || !strings.Contains(err.Error(), s.Sequences) || (!strings.Contains(err.Error(), "restore it") && !strings.Contains(err.Error(), "use the version")) {
			t.Errorf("%s: got %v, want an error that says what to do", name, err)
		}
		if got, _ := os.ReadFile(s.Sequences); string(got) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestLostSequencesAreNoticed(t *testing.T) {
	s := newShop(t)
	s.release("1.2.0", 7, empty)
	if _, err := s.Find("celsius", "1.2.0"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.Sequences); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("celsius", "1.2.0"); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("got %v, want an error that says it is missing", err)
	}
}

func digestOf(wasm []byte) dodona.Digest { return sha256.Sum256(wasm) }

// TestProcessesShareSequences lets processes with several goroutines raise different modules in one file: nothing may
// be lost.
func TestProcessesShareSequences(t *testing.T) {
	if file := os.Getenv("DODONA_TEST_SEQUENCES"); file != "" {
		raiseMany(t, file, os.Getenv("DODONA_TEST_NAME"))
		return
	}
	file := filepath.Join(t.TempDir(), "sequences.json")
	var wait sync.WaitGroup
	for n := range 4 {
		wait.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestProcessesShareSequences$", "-test.count=1")
			cmd.Env = append(os.Environ(), "DODONA_TEST_SEQUENCES="+file, fmt.Sprintf("DODONA_TEST_NAME=m%d", n))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v\n%s", n, err, out)
			}
		})
	}
	wait.Wait()
	lock, err := lockFile(file + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	got, err := readSequences(file, lock)
	if err != nil || len(got.Modules) != 9 {
		t.Fatalf("the file names %d modules, want 9: %v", len(got.Modules), err)
	}
	for name, r := range got.Modules {
		if r.Sequence != 20 {
			t.Errorf("%s has the sequence %d, want 20", name, r.Sequence)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".new-*")); len(left) != 0 {
		t.Errorf("files are left behind: %v", left)
	}
}

// raiseMany raises two modules of this process and one of all processes, step by step, to 20.
func raiseMany(t *testing.T, file, name string) {
	var wait sync.WaitGroup
	for _, name := range []string{name + "-a", name + "-b", "all"} {
		wait.Go(func() {
			for n := range uint64(20) {
				m := celsius()
				m.Name, m.Sequence, m.Version = name, n+1, strconv.FormatUint(n, 10)+".0.0"
				err := Remember(file, m)
				var r *Refusal
				if errors.As(err, &r) && r.Reason == Rollback && name == "all" {
					continue // another process was faster
				}
				if err != nil {
					t.Errorf("%s %d: %v", name, n+1, err)
				}
			}
		})
	}
	wait.Wait()
}
