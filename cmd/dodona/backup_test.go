package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/verify"
)

// backedUp is a node that makes rounds and anchors fast, and delivers them.
const backedUp = `node: {name: gw, data: %s}
api: {listen: "127.0.0.1:0"}
anchor: {every: 1s}
journal: {raw: {bytes: 1MiB}, proof: {bytes: 1MiB}}
sources: {walk: {sim: {seed: 1, every: 100ms}}}
feeds: {a: {decimals: 2, every: 200ms, from: [walk]}, b: {decimals: 2, every: 1s, from: [walk]}}
sinks: {hook: {webhook: {url: %q, secret: {file: secret}}, feeds: [b]}}
`

// delivered counts what a receiver of webhooks got, by what it was about.
type delivered struct {
	mu   sync.Mutex
	seen map[string]int
}

func (d *delivered) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[r.Header.Get("Idempotency-Key")]++
}

// count returns how many records came, and those that came more than once.
func (d *delivered) count() (n int, twice []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, times := range d.seen {
		if times > 1 {
			twice = append(twice, key)
		}
	}
	return len(d.seen), twice
}

// keptIn returns the records of a topic in a data folder, by key and id.
func keptIn(t testing.TB, dir string, topic dodona.Topic) map[string]dodona.Record {
	t.Helper()
	all := map[string]dodona.Record{}
	err := journal.Kept(t.Context(), dir, topic, func(_ string, r dodona.Record) {
		r.Body = append([]byte(nil), r.Body...)
		all[r.Key+" "+r.ID] = r
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// claimsIn returns what was claimed in a data folder: the digest by what it is of.
func claimsIn(t testing.TB, dir string) map[string]dodona.Digest {
	t.Helper()
	claims := map[string]dodona.Digest{}
	for name, r := range keptIn(t, dir, dodona.TopicClaim) {
		var c dodona.Claim
		if err := json.Unmarshal(r.Body, &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		claims[fmt.Sprintf("%s of %s, round %s", c.Type, c.Subject, c.Round)] = c.Digest
	}
	return claims
}

// signedIn returns what was signed in a data folder, as claimsIn calls it. A claim alone is no signature: a node that doubts what was claimed before
// notes its own claim first, and then does not sign it.
func signedIn(t testing.TB, dir string) map[string]dodona.Digest {
	t.Helper()
	claims, signed := claimsIn(t, dir), map[string]dodona.Digest{}
	for kind, topic := range map[string]dodona.Topic{
		dodona.ClaimObservation: dodona.TopicObservation, dodona.ClaimReport: dodona.TopicData, dodona.ClaimAnchor: dodona.TopicAnchor,
	} {
		for _, r := range keptIn(t, dir, topic) {
			round, _ := r.Round()
			what := fmt.Sprintf("%s of %s, round %s", kind, r.Key, round)
			if digest, kept := claims[what]; kept {
				signed[what] = digest
			}
		}
	}
	return signed
}

// roundOf returns the round of what claimsIn returns.
func roundOf(t testing.TB, what string) dodona.Round {
	t.Helper()
	_, text, _ := strings.Cut(what, ", round ")
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return dodona.RoundAt(at)
}

// TestABackupOfARunningNodeIsRestoredAndSignsNothingTwice: the original goes on after the backup and is killed, and the restored node goes on instead.
func TestABackupOfARunningNodeIsRestoredAndSignsNothingTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs two nodes")
	}
	t.Parallel()
	dir := t.TempDir()
	got := &delivered{seen: map[string]int{}}
	receiver := httptest.NewServer(got)
	t.Cleanup(receiver.Close)
	for name, text := range map[string]string{
		"secret": "0123456789abcdef0123456789abcdef", "first.yaml": fmt.Sprintf(backedUp, "./first", receiver.URL), "second.yaml": fmt.Sprintf(backedUp, "./second", receiver.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	archive := filepath.Join(dir, "backup.tar")
	original := launch(t, dir, "run", "first.yaml")
	original.awaitURL()
	attested := func(folder string, more int) {
		t.Helper()
		eventually(t, patience, func() error {
			if n, anchors := len(keptIn(t, folder, dodona.TopicData)), len(keptIn(t, folder, dodona.TopicAnchor)); n < more || anchors < 2 {
				return fmt.Errorf("%d answers and %d anchors are kept in %s, want %d and 2; it said\n%s", n, anchors, folder, more, original.stderr)
			}
			return nil
		})
	}
	attested(first, 20)
	before, sentBefore := keptIn(t, first, dodona.TopicData), 0
	if out := ran(t, dir, "backup", archive, "--config", "first.yaml"); !strings.Contains(out, "whoever has it can sign as this node") {
		t.Errorf("it does not say what is in it:\n%s", out)
	}
	attested(first, len(keptIn(t, first, dodona.TopicData))+15) // the original goes on, and signs what the backup does not know
	known := len(keptIn(t, first, dodona.TopicAnchor))
	eventually(t, patience, func() error { // killed as soon as it has sealed a window: the restored node comes to that window too, and to rounds of that second
		if len(keptIn(t, first, dodona.TopicAnchor)) == known {
			return fmt.Errorf("%d anchors are kept still; it said\n%s", known, original.stderr)
		}
		return nil
	})
	if err := original.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = original.cmd.Wait()
	sentBefore, _ = got.count()

	if out := ran(t, dir, "restore", archive, "second"); !strings.Contains(out, "signs no round that begins") {
		t.Errorf("it does not say what a restored node does:\n%s", out)
	}
	restored, backed := keptIn(t, second, dodona.TopicData), signedIn(t, second)
	for name, r := range before {
		if string(restored[name].Body) != string(r.Body) {
			t.Errorf("%s was attested before the backup, and is not in it as it was", name)
		}
	}
	started := time.Now()
	next := launch(t, dir, "run", "second.yaml")
	url := next.awaitURL()
	anchors := len(keptIn(t, second, dodona.TopicAnchor))
	eventually(t, patience, func() error {
		n, a := len(keptIn(t, second, dodona.TopicData)), len(keptIn(t, second, dodona.TopicAnchor))
		if sent, _ := got.count(); n < len(restored)+15 || a < anchors+2 || sent < sentBefore+3 {
			return fmt.Errorf("the restored node attested %d and anchored %d, before %d and %d, and %d records were delivered, before %d; it said\n%s", n, a, len(restored), anchors, sent, sentBefore, next.stderr)
		}
		return nil
	})
	if out := ran(t, dir, "verify", url+"/v1/feeds/a/latest"); !strings.HasPrefix(out, "valid") {
		t.Errorf("an answer of the restored node: %s", out)
	}
	knowsNothingOf(t, url, onlyIn(keptIn(t, first, dodona.TopicData), restored))
	if code := next.stop(); code != exitDone {
		t.Fatalf("the restored node ended with %d: %s", code, next.stderr)
	}
	if next.stderr.Times("restored from a backup: ") != 1 || next.stderr.Times("level=ERROR") > 0 || next.stderr.Times("a round is not signed") > 0 || next.stderr.Times("may have been lost") > 0 {
		t.Errorf("what a backup lacks is not told once, but as a loss:\n%s", next.stderr)
	}

	theirs := claimsIn(t, first) // one of them may have been signed and not kept
	for what, digest := range signedIn(t, second) {
		if other, both := theirs[what]; both && other != digest {
			t.Errorf("signed twice with other content: %s: %s and %s", what, other, digest)
		}
		if _, same := backed[what]; !same && roundOf(t, what).Time().Before(started) {
			t.Errorf("the restored node signed %s, which began before its start", what)
		}
	}
	for name, r := range keptIn(t, second, dodona.TopicEvent) {
		if r.Key == dodona.EventLoss || r.Key == dodona.EventConflict {
			t.Errorf("a restored node tells of %s: %s", name, r.Body)
		}
	}
	_, twice := got.count()
	for _, key := range twice { // those that the original delivered after the backup, or while it was made
		if _, known := before[key]; known {
			t.Errorf("%s was delivered before the backup, and again", key)
		}
	}
}

// onlyIn returns the records that are in one folder and not in another.
func onlyIn(there, here map[string]dodona.Record) (list []dodona.Record) {
	for name, r := range there {
		if _, both := here[name]; !both {
			list = append(list, r)
		}
	}
	return list
}

// knowsNothingOf checks that a restored node does not say of rounds that the original answered after the backup that they have no answer: neither the
// node, nor a gap that it signed, nor who verifies that.
func knowsNothingOf(t testing.TB, url string, answered []dodona.Record) {
	t.Helper()
	if len(answered) < 15 {
		t.Fatalf("the original answered %d rounds after the backup, want 15 at least", len(answered))
	}
	get := func(path string) (status int, body []byte) {
		got, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if body, err = io.ReadAll(got.Body); err != nil {
			t.Fatal(err)
		}
		return got.StatusCode, body
	}
	const why = "this folder was restored from a backup of "
	for _, r := range answered {
		round, _ := r.Round()
		path := fmt.Sprintf("/v1/feeds/%s/rounds/%d", r.Key, round)
		eventually(t, patience, func() error {
			if status, body := get(path + "/proof"); status != http.StatusOK { // it is not anchored yet
				return fmt.Errorf("the proof of %s of %s: %d %s", r.ID, r.Key, status, body)
			}
			return nil
		})
		_, proof := get(path + "/proof")
		if v := verify.Evidence(proof, verify.Expect{}); !v.Valid || !bytes.Contains(proof, []byte(dodona.NotKnown+why)) || !strings.HasPrefix(v.Message, "not known whether ") || strings.Contains(v.Message, "no answer") || strings.Contains(v.Message, "not running") {
			t.Errorf("the proof of %s of %s verifies as %t: %s", r.ID, r.Key, v.Valid, v.Message)
		}
		if _, told := get(path); bytes.Contains(told, []byte("not running")) {
			t.Errorf("the node says of %s of %s: %s", r.ID, r.Key, told)
		}
		if _, told := get(path + "/explain"); !bytes.Contains(told, []byte(why)) || bytes.Contains(told, []byte("not running")) {
			t.Errorf("explained, %s of %s is: %s", r.ID, r.Key, told)
		}
	}
}

// ran runs a command of the program to its good end in dir, and returns what it says.
func ran(t testing.TB, dir string, args ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("dodona %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestABackupGoesThroughPipes, and one that is compressed, or would stand in what it is of, is refused with what to do.
func TestABackupGoesThroughPipes(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a node")
	}
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"gw.yaml": "api: {listen: \"127.0.0.1:0\"}\n" + hourly})
	launch(t, dir, "run", "gw.yaml").awaitURL()
	in := func(path string) string { return filepath.Join(dir, path) }
	if err := os.Symlink(in("data"), in("link")); err != nil {
		t.Fatal(err)
	}
	for _, inside := range []string{"data/x.tar", "data/keys/x.tar", "link/x.tar", "data/nowhere/x.tar"} {
		if code, _, talk := said(t, "backup", in(inside), "--data", in("data")); code != exitUsage || !strings.Contains(talk, "name a file elsewhere") {
			t.Errorf("a backup to %s: exit code %d, %s", inside, code, talk)
		}
	}
	code, archive, talk := said(t, "backup", "-", "--config", in("gw.yaml"))
	if code != exitDone {
		t.Fatalf("exit code %d, %s", code, talk)
	}
	restored := func(archive, folder string) (int, string) {
		var out bytes.Buffer
		code := execute(t.Context(), []string{"restore", "-", in(folder)}, terminal{in: strings.NewReader(archive), out: &out, err: &out})
		return code, out.String()
	}
	if code, out := restored(archive, "restored"); code != exitDone || !strings.Contains(out, "restored ") || !isFile(in("restored/format")) {
		t.Errorf("restore -: exit code %d, %s", code, out)
	}
	if code, out := restored(archive[:len(archive)-1], "cut"); code != exitFailed || !strings.Contains(out, "nothing was restored") {
		t.Errorf("restore - of what was cut: exit code %d, %s", code, out)
	}
	for begins, program := range map[string]string{"\x1f\x8b\x08\x00": "gunzip", "\x28\xb5\x2f\xfd": "unzstd", "\xfd7zXZ\x00": "unxz", "BZh91AY": "bunzip2"} {
		packed := begins + strings.Repeat("x", 1000)
		if code, out := restored(packed, "packed"); code != exitUsage || !strings.Contains(out, "compressed: let it go through "+program+" -c") {
			t.Errorf("restore - of what %s unpacks: exit code %d, %s", program, code, out)
		}
		write(t, dir, map[string]string{"packed.tar": packed})
		if code, _, talk := said(t, "restore", in("packed.tar"), in("packed")); code != exitUsage || !strings.Contains(talk, "it is compressed: "+program+" -c "+in("packed.tar")+" | dodona restore - "+in("packed")) {
			t.Errorf("restore of what %s unpacks: exit code %d, %s", program, code, talk)
		}
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "packed" || e.Name() == "cut" {
			t.Errorf("%s was left behind (%v)", e.Name(), err)
		}
	}
}
