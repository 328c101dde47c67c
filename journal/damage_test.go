package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// damaged writes 400 readings, closes the journal, breaks something, and returns what the reopened one found lost.
func damaged(t *testing.T, damage func(t *testing.T, blocks string)) (*Journal, []Loss) {
	t.Helper()
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		var recs []dodona.Record
		for k := range 10 {
			recs = append(recs, reading(10*i+k))
		}
		if err := j.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, filepath.Join(streamsDir(dir), scopeOf(dodona.Digest{}).stream(streamRaw), "msgs"))
	j = open(t, Config{Dir: dir})
	losses, err := j.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return j, losses
}

func flip(t *testing.T, blocks, near string) {
	t.Helper()
	name := filepath.Join(blocks, "1.blk")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, []byte(near))
	if at < 0 {
		t.Fatalf("no %q in %s", near, name)
	}
	for i := range 4 {
		text[at+i] ^= 0xff
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

var readingSubject = scopeOf(dodona.Digest{}).subject(dodona.TopicReading, "kraken", "gw-1")

// flipPlace flips the highest bit of a byte of the place of the record on subject in whose body near is.
func flipPlace(t *testing.T, blocks, subject, near string, offset int) {
	t.Helper()
	name := filepath.Join(blocks, "1.blk")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Index(text, []byte(near))
	begin := bytes.LastIndex(text[:max(0, body)], []byte(subject)) - 22
	if body < 0 || begin < 0 {
		t.Fatalf("no %q in %s", near, name)
	}
	text[begin+4+offset] ^= 0x80
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func withoutIndex(t *testing.T, blocks string) {
	t.Helper()
	if err := os.Remove(filepath.Join(blocks, "index.db")); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsFoundBoundedAndNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a folder over and over")
	}
	t.Parallel()
	for _, c := range []struct {
		name     string
		damage   func(t *testing.T, blocks string)
		from, to uint64
	}{
		{"bits flipped in the middle", func(t *testing.T, blocks string) { flip(t, blocks, `{"n":200}`) }, 201, 201},
		{"bits flipped in the middle, index gone", func(t *testing.T, blocks string) {
			flip(t, blocks, `{"n":200}`)
			withoutIndex(t, blocks)
		}, 201, 201},
		// One bit in the place of record 201. The server would fill the gap, one by one, and then drop all behind it.
		{"place flipped far up", func(t *testing.T, blocks string) { flipPlace(t, blocks, readingSubject, `{"n":200}`, 3) }, 201, 201},
		{"place flipped far up, index gone", func(t *testing.T, blocks string) {
			flipPlace(t, blocks, readingSubject, `{"n":200}`, 3)
			withoutIndex(t, blocks)
		}, 201, 201},
		{"place flipped to erased", func(t *testing.T, blocks string) { flipPlace(t, blocks, readingSubject, `{"n":200}`, 7) }, 201, 201},
		{"end cut", func(t *testing.T, blocks string) { cutEnd(t, blocks, 100) }, 400, 400},
		{"end cut, index gone", func(t *testing.T, blocks string) {
			cutEnd(t, blocks, 100)
			withoutIndex(t, blocks)
		}, 400, 400},
		{"block deleted", func(t *testing.T, blocks string) {
			if err := os.Remove(filepath.Join(blocks, "1.blk")); err != nil {
				t.Fatal(err)
			}
		}, 1, 400},
		{"stream deleted", func(t *testing.T, blocks string) {
			if err := os.RemoveAll(filepath.Dir(blocks)); err != nil {
				t.Fatal(err)
			}
		}, 1, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, losses := damaged(t, c.damage)
			if len(losses) != 1 || losses[0].From != c.from || losses[0].To != c.to || losses[0].Stream != streamRaw {
				t.Fatalf("found %+v, want one loss of RAW from %d to %d", losses, c.from, c.to)
			}
			event, err := j.Last(t.Context(), dodona.TopicEvent, dodona.EventLoss)
			if err != nil {
				t.Fatal(err)
			}
			var told Loss
			if err := json.Unmarshal(event.Body, &told); err != nil || !told.same(losses[0]) {
				t.Fatalf("event %s, %v does not tell %+v", event.Body, err, losses[0])
			}
			// The chain goes on and the same loss is not told twice.
			if err := j.Append(t.Context(), reading(1000)); err != nil {
				t.Fatal(err)
			}
			last, err := j.Last(t.Context(), dodona.TopicReading, "kraken")
			if err != nil || last.Sequence != 401 {
				t.Fatalf("the record after the loss is %+v, %v, want sequence 401", last, err)
			}
			if again, err := j.Audit(t.Context()); err != nil || len(again) != 1 {
				t.Fatalf("second audit: %+v, %v", again, err)
			}
			events := 0
			for _, err := range j.Scan(t.Context(), dodona.TopicEvent, dodona.EventLoss, nil) {
				if err != nil {
					t.Fatal(err)
				}
				events++
			}
			if events != 1 {
				t.Fatalf("%d events tell of one loss", events)
			}
		})
	}
}

func cutEnd(t *testing.T, blocks string, bytes int64) {
	t.Helper()
	name := filepath.Join(blocks, "1.blk")
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-bytes); err != nil {
		t.Fatal(err)
	}
}

func TestHealthyJournalHasNoLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	j, losses := damaged(t, func(*testing.T, string) {})
	if len(losses) != 0 {
		t.Fatalf("found %+v in a healthy journal", losses)
	}
	if audit := j.Status(t.Context()).Streams[0].Audit; audit.Records != 400 {
		t.Fatalf("audit is %+v, want 400 records", audit)
	}
}

func TestFolderOfAnotherProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, Config{Dir: dir})
	_, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err == nil || !strings.Contains(err.Error(), "another process has this data folder (pid ") {
		t.Fatalf("second open: %v", err)
	}
}

func TestFolderOfANewerVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), Config{Dir: dir, Node: "gw-1"})
	if err == nil || !strings.Contains(err.Error(), "format 99") || !strings.Contains(err.Error(), "newer program") {
		t.Fatalf("open: %v", err)
	}
}

// TestDamagedSmallFilesAreWrittenAnew: what a power cut or flash leaves of a file must not keep a node from starting.
func TestDamagedSmallFilesAreWrittenAnew(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, c := range []struct{ file, text string }{
		{"format", ""},
		{"format", "1\xf5"},
		{"format", "\x00"},
		{"format", "-1\n"},
		{"format", "1\n" + strings.Repeat("x", 100)},
		{"losses.json", ""},
		{"losses.json", "[{"},
		{"losses.json", "{}"},
		{"losses.json", strings.Repeat(" ", maxLossFile+1)},
		{"ends.json", ""},
		{"ends.json", `{"PROOF-00": {"last": -1}}`},
		{"ends.json", strings.Repeat(" ", maxEndsFile+1)},
	} {
		dir := t.TempDir()
		j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
		if err == nil {
			err = errors.Join(j.Append(t.Context(), reading(1)), j.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, c.file)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		j = open(t, Config{Dir: dir})
		damage := j.Status(t.Context()).Damage
		if len(damage) != 1 || damage[0].File != c.file {
			t.Errorf("%s with %.9q: status tells %+v, want one file", c.file, c.text, damage)
			continue
		}
		if kept, err := os.ReadFile(filepath.Join(dir, damage[0].Aside)); err != nil || string(kept) != c.text {
			t.Errorf("%s with %.9q: %.9q is kept, %v", c.file, c.text, kept, err)
		}
		if last, err := j.Last(t.Context(), dodona.TopicReading, "kraken"); err != nil || last.Sequence != 1 {
			t.Errorf("%s with %.9q: the record is %+v, %v", c.file, c.text, last, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if again := open(t, Config{Dir: dir}).Status(t.Context()).Damage; len(again) != 0 {
			t.Errorf("%s with %.9q: told again: %+v", c.file, c.text, again)
		}
	}
}
