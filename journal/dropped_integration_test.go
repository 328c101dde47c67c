//go:build integration

package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sign"
)

// raise flips the lowest bit that is not set in a byte of the header of the record in which text stands, in the one block that there is, while
// the server has it open.
func raise(t *testing.T, blocks, text string, offset int) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(blocks, "*.blk"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	file := list[0]
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	there := bytes.Index(content, []byte(text))
	for at := 0; at < there; {
		n := int(binary.LittleEndian.Uint32(content[at:]) &^ (1 << 31))
		if there > at+n {
			at += n
			continue
		}
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{content[at+offset] | (content[at+offset] + 1)}, int64(at+offset))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no %q in %s", text, file)
}

// coldAfter is when the server has let go of a block that nobody reads: it holds one for ten seconds.
const coldAfter = 13 * time.Second

// TestTheEndIsDroppedWhileItRuns: the server meets damage when it is asked for the claim before a new one, and drops what is behind it, so that
// the claim of another process is gone, and its place given anew. The one that asks knew nothing of that claim.
func TestTheEndIsDroppedWhileItRuns(t *testing.T) {
	for name, offset := range map[string]int{"the server says so": 2, "the server is silent": 5} { // of the length, of the place
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Nothing ages: retention does not look for the oldest record, which is in the block that must go cold.
			_, server, first, second := twoSigners(t, Config{Proof: Limits{Bytes: 64 * unit.MiB}}, time.Now)
			made, err := first.journal.Forgot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(made.Add(5100 * time.Millisecond)))
			round := now()
			if err := second.sign(t, 7, round-1); err != nil {
				t.Fatal(err)
			}
			appendEvents(t, first.journal, "victim", 1, 100)
			if err := first.sign(t, 1, round); err != nil {
				t.Fatal(err)
			}
			appendEvents(t, first.journal, "behind", 3, 100)
			time.Sleep(coldAfter)
			raise(t, filepath.Join(streamsDir(server.cfg.Dir), first.journal.lanes[streamProof].streamName, "msgs"), "victim0", offset)
			ctx, cancel := context.WithCancel(t.Context())
			var keeping sync.WaitGroup
			keeping.Go(func() { // it looks every 15 s otherwise, and until then nothing can be claimed
				for backoff.Wait(ctx, 200*time.Millisecond) {
					poke(server.lanes[streamProof].house.wake)
				}
			})
			err = bus.ErrAway
			for errors.Is(err, bus.ErrAway) { // the server may be starting again
				err = second.sign(t, 2, round)
			}
			if !errors.Is(err, sign.ErrBefore) {
				t.Errorf("another digest of a round that was signed: %v, want %v", err, sign.ErrBefore)
			}
			appendEvents(t, first.journal, "since", 9, 10)
			cancel()
			keeping.Wait()
			knows := func(journals ...*Journal) {
				t.Helper()
				for _, j := range journals {
					forgot, err := j.Forgot(t.Context())
					for errors.Is(err, bus.ErrAway) {
						forgot, err = j.Forgot(t.Context())
					}
					if err != nil || forgot.Before(round.Time()) {
						t.Errorf("%s hears %v, %v; what was claimed at %s is lost", j.cfg.Node, forgot, err, round)
					}
				}
			}
			knows(first.journal, second.journal, joinAs(t, server, "gw-3", dodona.Digest{}))
		})
	}
}

// TestAClaimThatIsCountedAndGoneIsALoss: of a stream with so many places without a record nobody asks what was dropped. The server drops the claim
// without a word, and goes on counting it, so that its key stands still, until the store is started again.
func TestAClaimThatIsCountedAndGoneIsALoss(t *testing.T) {
	t.Parallel()
	j := open(t, Config{Proof: Limits{Bytes: 64 * unit.MiB}})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", mostPlaces+20, 10)
	for place := range uint64(mostPlaces + 10) {
		if err := l.stream.DeleteMsg(t.Context(), place+5); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, j, "victim", 1, 100)
	time.Sleep(1100 * time.Millisecond)
	round := now()
	claimed := claim("report.x.ab", 0)
	if err := j.Append(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, j, "behind", 3, 100)
	last := func() error {
		_, err := j.Last(t.Context(), dodona.TopicClaim, claimed.Key)
		return err
	}
	time.Sleep(coldAfter)
	raise(t, filepath.Join(streamsDir(j.cfg.Dir), l.streamName, "msgs"), "victim0", 5)
	for n := 0; !errors.Is(last(), errUnread); n++ {
		if n == 20 {
			t.Fatal("the server does not drop the claim and count it")
		}
		time.Sleep(coldAfter) // it may have had a reason to keep the block
	}
	until(t, "that the store is started again, and counts what is there", func() bool {
		l.mu.Lock()
		if !l.stat.unread.IsZero() {
			l.stat.unread = l.stat.unread.Add(-unreadFor)
		}
		l.mu.Unlock()
		poke(l.house.wake)
		return errors.Is(last(), dodona.ErrNotFound)
	})
	if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
		t.Errorf("forgotten until %v, %v; what was claimed at %s is lost", forgot, err, round)
	}
}
