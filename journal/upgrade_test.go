package journal

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
)

// testdata/format1.tar.gz is the data folder of a node of the last version with format 1, named gw-7, with a file source
// and a feed of one second called boiler, a sink of kind stdout called out, and anchors every 2 s, that ran for 9 s:
//
//	git archive ff9ee50 | tar x -C old && (cd old && go build ./cmd/dodona)
//	timeout -s INT 9 old/dodona run gw.yaml && tar czf format1.tar.gz data
//
// A module of 8 bytes was then kept in it by that version's journal.KeepModule.
const format1 = "testdata/format1.tar.gz"

// unpack puts an archive's folder data into a new folder.
func unpack(t testing.TB, archive string) (dir string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return filepath.Join(dir, "data")
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			var text []byte
			if text, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A kept record is one as the server has it.
type kept struct {
	Place         uint64
	At            time.Time
	Subject, Body string
	Header        nats.Header
}

// contents are the records and the readers' positions of a folder that no process has, by the kinds of streams.
type contents struct {
	records map[string][]kept
	floors  map[string]uint64
}

func contentsOf(t *testing.T, dir string, streams map[string]string) contents {
	t.Helper()
	c := contents{make(map[string][]kept), make(map[string]uint64)}
	cfg, err := Config{Dir: dir, Node: "gw-7"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	err = (&upgrade{cfg: cfg, check: sound}).withServer(t.Context(), func(k *copier) error {
		for kind, name := range streams {
			stream, err := k.js.Stream(t.Context(), name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for at := stream.CachedInfo().State.FirstSeq; at <= stream.CachedInfo().State.LastSeq; at++ {
				m, err := stream.GetMsg(t.Context(), at)
				if err != nil {
					return fmt.Errorf("%s %d: %w", name, at, err)
				}
				maps.DeleteFunc(m.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Nats-") }) // of the answer
				c.records[kind] = append(c.records[kind], kept{m.Sequence, m.Time, m.Subject, string(m.Data), m.Header})
			}
			list := stream.ListConsumers(t.Context())
			for info := range list.Info() {
				c.floors[info.Name] = info.AckFloor.Stream
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sound() error { return nil }

// networkOf returns the network that the claims of a folder of format 1 name.
func networkOf(t *testing.T, before contents) dodona.Digest {
	t.Helper()
	for _, r := range slices.Backward(before.records[streamProof]) {
		var claim dodona.Claim
		if strings.HasPrefix(r.Subject, "oracle.claim.") && json.Unmarshal([]byte(r.Body), &claim) == nil {
			return claim.Network
		}
	}
	t.Fatal("nothing is claimed in the folder")
	return dodona.Digest{}
}

var oldNames = map[string]string{streamRaw: streamRaw, streamProof: streamProof}

func newNames(network dodona.Digest) map[string]string {
	net := scopeOf(network)
	return map[string]string{streamRaw: net.stream(streamRaw), streamProof: net.stream(streamProof)}
}

// wantUpgraded compares a folder with what it held before.
func wantUpgraded(t *testing.T, dir string, before contents, network dodona.Digest) {
	t.Helper()
	after := contentsOf(t, dir, newNames(network))
	net := scopeOf(network)
	for kind, records := range before.records {
		for i := range records {
			records := slices.Clone(records)
			records[i].Subject = net.Root() + strings.TrimPrefix(records[i].Subject, bus.Root)
			if got := after.records[kind]; i >= len(got) || !reflect.DeepEqual(got[i], records[i]) {
				t.Fatalf("%s: record %d of %d is not what it was, on %s with %v", kind, i, len(records), records[i].Subject, records[i].Header)
			}
		}
		if len(after.records[kind]) != len(records) {
			t.Errorf("%s: %d records, want %d", kind, len(after.records[kind]), len(records))
		}
	}
	floors := make(map[string]uint64)
	for name, floor := range before.floors {
		if role, node := strings.CutSuffix(name, "-gw-7"); node {
			name = "gw-7_" + role
		}
		floors[name] = floor
	}
	if !maps.Equal(after.floors, floors) {
		t.Errorf("readers stand at %v, want %v", after.floors, floors)
	}
	for _, name := range []string{"heads", upgradeFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

func upgradeConfig(t testing.TB, dir string, network dodona.Digest) Config {
	t.Helper()
	cfg, err := Config{Dir: dir, Node: "gw-7", Network: network}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestAFolderOfFormat1GoesOn(t *testing.T) {
	dir := unpack(t, format1)
	before := contentsOf(t, dir, oldNames)
	network := networkOf(t, before)
	if len(before.records[streamRaw]) < 10 || len(before.records[streamProof]) < 40 || len(before.floors) != 4 {
		t.Fatalf("the folder holds %d and %d records, readers %v: it shows nothing", len(before.records[streamRaw]), len(before.records[streamProof]), before.floors)
	}
	if err := upgradeFolder(t.Context(), upgradeConfig(t, dir, network), sound, nil); err != nil {
		t.Fatal(err)
	}
	wantUpgraded(t, dir, before, network)

	j := open(t, Config{Dir: dir, Node: "gw-7", Network: network})
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Errorf("losses %+v, %v", losses, err)
	}
	for _, s := range j.Status(t.Context()).Streams {
		if records := uint64(len(before.records[s.Name])); s.Audit.Records != records || s.Sequence != records {
			t.Errorf("%s: the audit saw %d records up to sequence %d, want %d", s.Name, s.Audit.Records, s.Sequence, records)
		}
	}
	if _, err := j.Module(t.Context(), dodona.Digest(sha256.Sum256([]byte("\x00asm\x01\x00\x00\x00")))); err != nil {
		t.Errorf("the module that was kept: %v", err)
	}
	// Readers go on where they stood, also those whose old names named no node.
	for _, reader := range []struct {
		name  string
		topic dodona.Topic
	}{{"validate", dodona.TopicObservation}, {"sink-out", dodona.TopicData}} {
		name, topic := reader.name, reader.topic
		rec := dodona.Record{Topic: topic, Key: "other", ID: "new-" + name}
		if err := j.Append(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		if recs := read(t, j, name, 1, topic); len(recs) != 1 || recs[0].ID != rec.ID {
			t.Errorf("reader %s got %d records, want the new one alone", name, len(recs))
		}
	}
	for _, r := range j.Status(t.Context()).Readers {
		if r.Node != "gw-7" {
			t.Errorf("reader %s is node %q's", r.Name, r.Node)
		}
	}
}

// TestAnUpgradeGoesToTheNetworkOfItsClaims: the key, and so the network, changes together with the version.
func TestAnUpgradeGoesToTheNetworkOfItsClaims(t *testing.T) {
	dir := unpack(t, format1)
	before := contentsOf(t, dir, oldNames)
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-7", Network: dodona.Digest{0xee}})
	if err != nil {
		t.Fatal(err)
	}
	if recs := all(t, j, dodona.TopicData, "boiler"); len(recs) != 0 {
		t.Errorf("the new network has %d answers of the old one", len(recs))
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Errorf("losses %+v, %v", losses, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	wantUpgraded(t, dir, before, networkOf(t, before))
}

var errStopped = errors.New("stopped by the test")

// TestAnUpgradeIsFinishedFromEveryStep stops it after each step, and starts it again.
func TestAnUpgradeIsFinishedFromEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a folder over and over")
	}
	t.Parallel()
	original := unpack(t, format1)
	before := contentsOf(t, original, oldNames)
	network := networkOf(t, before)
	for stop := 0; ; stop++ {
		dir, at, steps := unpack(t, format1), "", 0
		err := upgradeFolder(t.Context(), upgradeConfig(t, dir, network), sound, func(what string) error {
			if at = what; steps == stop {
				return errStopped
			}
			steps++
			return nil
		})
		if err == nil {
			if stop < 10 {
				t.Fatalf("it has only %d steps", stop)
			}
			return
		}
		if !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		if version, err := readFormat(dir); err != nil || at != "begin" && version != 2 {
			t.Errorf("after %s: format %d, %v: an older program would take the folder", at, version, err)
		}
		if err := upgradeFolder(t.Context(), upgradeConfig(t, dir, dodona.Digest{0xdd}), sound, nil); err != nil {
			t.Fatalf("stopped after %s: %v", at, err)
		}
		t.Log("stopped after", at)
		wantUpgraded(t, dir, before, network)
	}
}

// TestHelperUpgrades is killed by TestAKilledUpgradeIsFinished.
func TestHelperUpgrades(t *testing.T) {
	dir := os.Getenv(helperDir + "_UPGRADE")
	if dir == "" {
		return
	}
	fmt.Println("begins")
	if err := upgradeFolder(t.Context(), upgradeConfig(t, dir, dodona.Digest{0xdd}), sound, nil); err != nil {
		t.Fatal(err)
	}
	fmt.Println("done")
}

func TestAKilledUpgradeIsFinished(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	original := unpack(t, format1)
	before := contentsOf(t, original, oldNames)
	network := networkOf(t, before)
	for n := range 8 {
		dir := unpack(t, format1)
		child := exec.Command(os.Args[0], "-test.run=^TestHelperUpgrades$")
		child.Env = append(os.Environ(), helperDir+"_UPGRADE="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the child says nothing")
		}
		kill := time.AfterFunc(time.Duration(n)*100*time.Millisecond, func() { _ = child.Process.Kill() })
		done := lines.Scan() && lines.Text() == "done"
		kill.Stop()
		_ = child.Wait()
		if err := upgradeFolder(t.Context(), upgradeConfig(t, dir, dodona.Digest{0xdd}), sound, nil); err != nil {
			t.Fatalf("killed after %d ms: %v", n*100, err)
		}
		t.Logf("killed after %d ms; it was done: %v", n*100, done)
		wantUpgraded(t, dir, before, network)
	}
}

// TestStreamsOfAnOlderProgramAreLeftAlone: one that joins the embedded server of a folder of format 2 makes streams of
// the old names there. They are no upgrade that was left, and this folder's records stay.
func TestStreamsOfAnOlderProgramAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), reading(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := j.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: streamRaw, Subjects: []string{"oracle.reading.>"}, MaxBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir})
	if got := all(t, j, dodona.TopicReading, "kraken"); len(got) != 1 {
		t.Fatalf("%d readings are left", len(got))
	}
}

// TestAnUpgradeThatHasNoRoomSaysSo before it changes anything.
func TestAnUpgradeThatHasNoRoomSaysSo(t *testing.T) {
	dir := unpack(t, format1)
	before := contentsOf(t, dir, oldNames)
	cfg := upgradeConfig(t, dir, networkOf(t, before))
	u := &upgrade{cfg: cfg, log: cfg.Log}
	// A file with a hole is large and takes no disk.
	if err := os.Truncate(filepath.Join(streamsDir(dir), streamProof, "msgs", "1.blk"), 1<<43); err != nil {
		t.Fatal(err)
	}
	if err := u.checkRoom(u.left()); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Fatalf("got %v, want what is needed and what is there", err)
	}
	if version, err := readFormat(dir); err != nil || version != 1 {
		t.Errorf("format %d, %v", version, err)
	}
}
