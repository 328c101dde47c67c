package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// groundRuns is how many damaged folders a start is tried on, unless the environment says.
const groundRuns = 40

// groundDir names the data folder for the child that starts on it once.
const groundDir = "DODONA_GROUND_DIR"

// groundUnchecked makes the child open the folder without checking it.
const groundUnchecked = "DODONA_GROUND_UNCHECKED"

// A start is what became of one start on a damaged folder.
type start struct {
	Refused string        // the sentence, if it did not start
	Lost    uint64        // records that were found missing
	Damage  int           // files that were found damaged
	Took    time.Duration // to open
	Peak    int64         // bytes of memory of the process
}

// TestHelperStartsOnce opens a journal, reads all of it, appends, and says how it went.
func TestHelperStartsOnce(t *testing.T) {
	dir := os.Getenv(groundDir)
	if dir == "" {
		return // it runs only as a child
	}
	begun := time.Now()
	s, err := startOnce(t.Context(), dir, begun)
	if err != nil {
		s.Refused = err.Error()
	}
	s.Peak = peakMemory(t)
	text, _ := json.Marshal(s)
	fmt.Println("start " + string(text))
	if errors.Is(err, bus.ErrMemory) {
		os.Exit(0) // as a node would: nothing stops what grows
	}
}

func startOnce(ctx context.Context, dir string, begun time.Time) (s start, err error) {
	j, err := Open(ctx, Config{
		Dir: dir, Node: "gw-1", Raw: Limits{Bytes: 2 * unit.MiB}, Proof: Limits{Bytes: 2 * unit.MiB}, unchecked: os.Getenv(groundUnchecked) != "",
	})
	if err != nil {
		return s, err
	}
	s.Took = time.Since(begun)
	losses, err := j.Audit(ctx)
	for _, l := range losses {
		s.Lost += l.To - l.From + 1
	}
	s.Damage = len(j.Status(ctx).Damage)
	// A claim asks for the last one of its key, and its reader for what it has not finished.
	last, lastErr := j.Last(ctx, dodona.TopicClaim, "report.btc.usd.abc")
	if errors.Is(lastErr, dodona.ErrNotFound) {
		lastErr = nil
	}
	next := claim("report.btc.usd.abc", 1_000_000)
	next.After = last.ID
	err = errors.Join(err, lastErr, j.Append(ctx, reading(1_000_000), next))
	reading, stop := context.WithCancel(ctx)
	defer stop()
	for recs, readErr := range j.From(reading, "validate", dodona.TopicClaim) {
		err = errors.Join(err, readErr)
		if readErr != nil || recs[len(recs)-1].ID == next.ID {
			stop()
		}
	}
	return s, errors.Join(err, j.Close())
}

// peakMemory returns the most memory that this process had.
func peakMemory(t *testing.T) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Error(err)
	}
	return kib << 10
}

// startOn starts a child on a folder. Whatever it meets there, it must end by itself.
func startOn(t *testing.T, dir string, within time.Duration, env ...string) (s start) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	command := `ulimit -v 6000000; exec "$0" "$@"` // what would take the machine takes 6 GB
	command = `[ -z "$DODONA_GROUND_GROUP" ] || echo $$ > "$DODONA_GROUND_GROUP/cgroup.procs" || exit; ` + command
	child := exec.CommandContext(ctx, "sh", "-c", command, os.Args[0], "-test.run=^TestHelperStartsOnce$")
	child.Env = append(os.Environ(), groundDir+"="+dir, "GOMEMLIMIT=56MiB")
	child.Env = append(child.Env, env...)
	out, err := child.CombinedOutput()
	_, said, found := strings.Cut(string(out), "start ")
	said, _, _ = strings.Cut(said, "\n")
	if err != nil || !found || json.Unmarshal([]byte(said), &s) != nil {
		t.Fatalf("the start ended without a sentence: %v, %v\n%s", err, ctx.Err(), out)
	}
	return s
}

// groundFolders makes data folders with records and readers: one of a journal that was closed, one of a killed one.
func groundFolders(t *testing.T) (folders []string) {
	t.Helper()
	closed := filepath.Join(t.TempDir(), "data")
	killed := filepath.Join(t.TempDir(), "data")
	j, err := Open(t.Context(), Config{Dir: closed, Node: "gw-1", Raw: Limits{Bytes: 2 * unit.MiB}, Proof: Limits{Bytes: 2 * unit.MiB}})
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for i := range 40 {
		var recs []dodona.Record
		for k := range 25 {
			r := reading(25*i + k)
			r.Body = append(r.Body, strings.Repeat(" ", 600)...)
			recs = append(recs, r)
		}
		c := claim("report.btc.usd.abc", i)
		c.After, last = last, c.ID
		if err := j.Append(t.Context(), append(recs, c)...); err != nil {
			t.Fatal(err)
		}
	}
	read(t, j, "validate", 20, dodona.TopicClaim)
	read(t, j, "other", 500, dodona.TopicReading)
	copyLive(t, killed, closed)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return []string{closed, killed}
}

// copyLive copies a folder that a server writes to, as a kill would leave it: until two copies, one after the other, are alike. Then nothing was
// written between the end of the first and the beginning of the second.
func copyLive(t *testing.T, to, from string) {
	t.Helper()
	for n := range 200 {
		again := filepath.Join(t.TempDir(), strconv.Itoa(n))
		err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from)), os.CopyFS(again, os.DirFS(from)))
		switch {
		case err == nil && alike(t, to, again):
			return
		case err != nil && !errors.Is(err, fs.ErrNotExist): // what it renames or deletes meanwhile
			t.Fatal(err)
		}
	}
	t.Fatalf("%s is written to all the time", from)
}

// alike reports whether two folders hold the same.
func alike(t *testing.T, a, b string) bool {
	t.Helper()
	held := func(dir string) map[string]string {
		files := make(map[string]string)
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			files[name] = ""
			if e.Type().IsRegular() {
				text, err := os.ReadFile(path)
				files[name] = "file " + string(text)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	return maps.Equal(held(a), held(b))
}

// filesOf lists the files of a data folder that are not empty.
func filesOf(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if info, err := e.Info(); err != nil || info.Size() == 0 {
			return err
		}
		name, err := filepath.Rel(dir, path)
		list = append(list, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// wear damages a file as flash and power cuts do, and says how.
func wear(r *rand.Rand, data []byte) ([]byte, string) {
	at := r.IntN(len(data))
	switch r.IntN(6) {
	case 0, 1:
		bit := r.IntN(8)
		data[at] ^= 1 << bit
		return data, fmt.Sprintf("bit %d of byte %d flipped", bit, at)
	case 2:
		n := 1 + r.IntN(8)
		for i := range data[at:min(at+n, len(data))] {
			data[at+i] = byte(r.Uint32())
		}
		return data, fmt.Sprintf("%d bytes from %d on are others", n, at)
	case 3:
		return data[:at], fmt.Sprintf("cut after %d bytes", at)
	case 4:
		from := at &^ 511
		clear(data[from:min(from+512, len(data))])
		return data, fmt.Sprintf("sector at %d is zero", from)
	default:
		more := make([]byte, 1+r.IntN(64<<10))
		for i := range more {
			more[i] = byte(r.Uint32())
		}
		return append(data, more...), fmt.Sprintf("%d bytes more", len(more))
	}
}

// setting returns a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestDamagedFoldersStart damages one file of a data folder at random, again and again: each start ends by itself,
// soon, in little memory, running or with a sentence. DODONA_GROUND_RUNS, DODONA_GROUND_SEED,
// DODONA_GROUND_SECONDS and DODONA_GROUND_GROUP say how often, which damage, how long a start may take, and in which memory
// group (the folder of its cgroup).
func TestDamagedFoldersStart(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	runs, seed := setting(t, "DODONA_GROUND_RUNS", groundRuns), setting(t, "DODONA_GROUND_SEED", 9)
	within := time.Duration(setting(t, "DODONA_GROUND_SECONDS", 120)) * time.Second
	folders := groundFolders(t)
	var worst start
	refused := make(map[string]int)
	for run := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(run)))
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(dir, os.DirFS(folders[run%2])); err != nil {
			t.Fatal(err)
		}
		files := filesOf(t, dir)
		name := files[r.IntN(len(files))]
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data, how := wear(r, data)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d, run %d: %s: %s", seed, run, name, how)
		s := startOn(t, dir, within)
		worst.Took, worst.Peak = max(worst.Took, s.Took), max(worst.Peak, s.Peak)
		if s.Refused != "" {
			refused[name+": "+s.Refused]++
		}
		if s.Peak > 64<<20 {
			t.Errorf("it took %d bytes of memory", s.Peak)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d starts; at most %v to open, %d MiB", runs, worst.Took.Round(time.Millisecond), worst.Peak>>20)
	for why, n := range refused {
		t.Logf("%d refused: %s", n, why)
		if !strings.Contains(why, "this folder has format") {
			t.Errorf("only a format that may be a newer one is a reason not to start: %s", why)
		}
	}
}

// TestWithoutACheckMemoryIsWatched: the place of a record is flipped far up, and nothing checks the folder. The start ends
// with a sentence, before the system ends it.
func TestWithoutACheckMemoryIsWatched(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	dir := groundFolders(t)[0]
	msgs := filepath.Join(streamsDir(dir), scopeOf(dodona.Digest{}).stream(streamRaw), "msgs")
	flipPlace(t, msgs, readingSubject, `{"n":20}`, 5)
	s := startOn(t, dir, 2*time.Minute, groundUnchecked+"=1")
	if !strings.Contains(s.Refused, bus.ErrMemory.Error()) {
		t.Errorf("the start says %+v, want bus.ErrMemory", s)
	}
	if s.Peak > 256<<20 {
		t.Errorf("it took %d bytes of memory", s.Peak)
	}
	t.Logf("%d MiB, %s", s.Peak>>20, s.Refused)
}

// TestSoundFoldersAreFoundSound: what the server itself writes, closed, killed, or after retention freed most of it, is not
// damaged. It would fail if a version of the server wrote another format.
func TestSoundFoldersAreFoundSound(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	freed := filepath.Join(t.TempDir(), "data")
	j, err := Open(t.Context(), Config{Dir: freed, Node: "gw-1", Raw: Limits{Bytes: 2 * unit.MiB}, Proof: Limits{Bytes: 2 * unit.MiB}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 160 {
		var recs []dodona.Record
		for k := range 25 {
			r := reading(25*i + k)
			r.Body = append(r.Body, strings.Repeat(" ", 800)...)
			recs = append(recs, r)
		}
		if err := j.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	if j.Status(t.Context()).Streams[0].Freed == 0 {
		t.Fatal("retention freed nothing")
	}
	killed := filepath.Join(t.TempDir(), "data")
	copyLive(t, killed, freed)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(groundFolders(t), freed, killed) {
		if s := startOn(t, dir, 2*time.Minute); s.Refused != "" || s.Damage != 0 || s.Lost != 0 {
			t.Errorf("a sound folder: %+v", s)
		}
	}
}

// TestAStoreDoesNotStartOnGroundThatCannotBeChecked: it says what stands in the way.
func TestAStoreDoesNotStartOnGroundThatCannotBeChecked(t *testing.T) {
	j := &Journal{cfg: Config{Dir: t.TempDir(), Node: "gw-1", Log: slog.New(slog.DiscardHandler), Now: time.Now}}
	s, err := j.newServer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.Check(); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	streams := streamsDir(j.cfg.Dir)
	if err := os.MkdirAll(filepath.Dir(streams), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(streams, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.Check(); err == nil || !strings.HasPrefix(err.Error(), "look for streams: ") {
		t.Errorf("a file in place of the streams: %v", err)
	}
}
