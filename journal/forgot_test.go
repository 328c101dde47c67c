package journal

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// proofOf returns where the folder of a node keeps the records of its stream of proofs.
func proofOf(cfg Config) string {
	return filepath.Join(streamsDir(cfg.Dir), scopeOf(cfg.Network).stream(streamProof), "msgs")
}

// TestALossThatIsFoundWhileAnotherOneIsNotedIsNotYetNoted: if the process ends then, its next start notes it.
func TestALossThatIsFoundWhileAnotherOneIsNotedIsNotYetNoted(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamProof)
	l.missed(Loss{From: 3, To: 3, Reason: "what the audit says"})
	l.stream = &hooked{l.stream, 2, func() { l.missed(Loss{From: 5, To: 5, Reason: "what the audit says"}) }}
	l.keepMark(t.Context())
	j.losses.mu.Lock()
	defer j.losses.mu.Unlock()
	for i, want := range []bool{false, true} {
		if k := j.losses.list[i]; k.Unnoted != want {
			t.Errorf("the loss of record %d is still to be noted: %t, want %t", k.From, k.Unnoted, want)
		}
	}
}

func appendEvents(t *testing.T, j *Journal, name string, n, bytes int) {
	t.Helper()
	for i := range n {
		err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: name + strconv.Itoa(i), Body: make([]byte, bytes)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// flipBit flips a bit of what is so many bytes behind the first place where text stands.
func flipBit(t *testing.T, file, text string, behind int) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, []byte(text))
	if at < 0 {
		t.Fatalf("no %q in %s", text, file)
	}
	content[at+behind] ^= 1
	if err := os.WriteFile(file, content, 0o640); err != nil {
		t.Fatal(err)
	}
}

// TestADamagedClaimIsNotSignedOver: a lone node stops, something happens to the record of its newest claim, and it starts. The server finds no
// claim, and the end of the stream is sound.
func TestADamagedClaimIsNotSignedOver(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a folder over and over")
	}
	t.Parallel()
	first := func(blocks string) string { return filepath.Join(blocks, "1.blk") }
	for name, c := range map[string]struct {
		behind int // bytes of events
		spoil  func(t *testing.T, blocks string) error
	}{
		"a bit of its subject": {10, func(t *testing.T, blocks string) error {
			flipBit(t, first(blocks), "observation.boiler.", 12)
			return nil
		}},
		"a bit of its body": {10, func(t *testing.T, blocks string) error {
			flipBit(t, first(blocks), `"digest":"0x02`, 20)
			return nil
		}},
		"its block is gone":  {4 << 20, func(_ *testing.T, blocks string) error { return os.Remove(first(blocks)) }},
		"its block is empty": {4 << 20, func(_ *testing.T, blocks string) error { return os.Truncate(first(blocks), 0) }},
		"its block is gone, killed": {4 << 20, func(_ *testing.T, blocks string) error {
			return errors.Join(os.Remove(first(blocks)), os.RemoveAll(filepath.Join(blocks, "index.db")))
		}},
		"its block is empty, killed": {4 << 20, func(_ *testing.T, blocks string) error {
			return errors.Join(os.Truncate(first(blocks), 0), os.RemoveAll(filepath.Join(blocks, "index.db")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := loneSigner{t, Config{Dir: t.TempDir(), Node: "gw-1"}}
			round := dodona.RoundAt(time.Now())
			if err := n.live(2, round); err != nil {
				t.Fatal(err)
			}
			j := open(t, n.cfg)
			appendEvents(t, j, "after", 3, c.behind)
			if err := errors.Join(j.Close(), c.spoil(t, proofOf(n.cfg))); err != nil {
				t.Fatal(err)
			}
			n.signsNoOther(round)
		})
	}
}

// TestAStreamAndItsMarksAreNotBothBelieved: the stream of proofs is gone, and nothing says how far it went, but that the folder was used.
func TestAStreamAndItsMarksAreNotBothBelieved(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for name, spoil := range map[string]func(heads string) error{
		"marks zeroed": func(heads string) error { return os.WriteFile(heads, make([]byte, slots()*slotSize), 0o600) },
		"marks gone":   os.Remove,
		"its marks damaged": func(heads string) error {
			text, err := os.ReadFile(heads)
			if err != nil {
				return err
			}
			a, b := slotsOf(streamProof)
			text[a*slotSize+8] ^= 1
			text[b*slotSize+8] ^= 1
			return os.WriteFile(heads, text, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := loneSigner{t, Config{Dir: t.TempDir(), Node: "gw-1"}}
			round := dodona.RoundAt(time.Now())
			err := errors.Join(n.live(2, round), os.RemoveAll(filepath.Dir(proofOf(n.cfg))), spoil(headsPath(n.cfg.Dir, scopeOf(n.cfg.Network))))
			if err != nil {
				t.Fatal(err)
			}
			n.signsNoOther(round)
		})
	}
}

// TestALossIsJudgedByTheClockOfLater: a gateway has no clock until it is told the time. It starts an hour behind, or twelve years ahead, finds
// that the end of its proofs is lost, and then its clock is set.
func TestALossIsJudgedByTheClockOfLater(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for name, c := range map[string]struct {
		off   time.Duration
		spoil func(heads string) error
	}{
		"behind":                  {-time.Hour, func(string) error { return nil }},
		"behind, newest broken":   {-time.Hour, breakNewestMark},
		"behind, marks gone":      {-time.Hour, os.Remove},
		"years ahead":             {12 * 365 * 24 * time.Hour, func(string) error { return nil }},
		"years ahead, marks gone": {12 * 365 * 24 * time.Hour, os.Remove},
	} {
		t.Run(name, func(t *testing.T) {
			var off atomic.Int64
			n := loneSigner{t, Config{Dir: t.TempDir(), Node: "gw-1", Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }}}
			off.Store(int64(-10 * time.Second)) // the feed is slow
			if err := n.live(1, dodona.RoundAt(n.cfg.Now())); err != nil {
				t.Fatal(err)
			}
			off.Store(0)
			before := filepath.Join(t.TempDir(), "proof")
			if err := os.CopyFS(before, os.DirFS(proofOf(n.cfg))); err != nil {
				t.Fatal(err)
			}
			round := dodona.RoundAt(n.cfg.Now())
			err := errors.Join(n.live(2, round), os.RemoveAll(proofOf(n.cfg)), os.CopyFS(proofOf(n.cfg), os.DirFS(before)), c.spoil(headsPath(n.cfg.Dir, scopeOf(n.cfg.Network))))
			if err != nil {
				t.Fatal(err)
			}
			off.Store(int64(c.off))
			j := open(t, n.cfg)
			off.Store(0)
			if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
				t.Errorf("forgotten until %v, %v; what was signed at %s is lost", forgot, err, round)
			}
			appendEvents(t, j, "since", 4, 10) // by the right clock
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			n.signsNoOther(round)
			j = open(t, n.cfg)
			if _, err := j.lanes[streamProof].stream.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			if forgot, err := j.Forgot(t.Context()); err != nil || forgot.After(time.Now().Add(time.Second)) {
				t.Errorf("forgotten until %v, %v, which is to come", forgot, err)
			}
		})
	}
}

// TestDamageThatIsFoundWhileItRuns: the store breaks, as at a full disk, and is started again. What its check finds then is no less.
func TestDamageThatIsFoundWhileItRuns(t *testing.T) {
	n := loneSigner{t, Config{Dir: t.TempDir(), Node: "gw-1"}}
	round := dodona.RoundAt(time.Now())
	if err := n.live(2, round); err != nil {
		t.Fatal(err)
	}
	j := open(t, n.cfg)
	appendEvents(t, j, "before", 3, 10)
	if _, err := j.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	flipBit(t, filepath.Join(proofOf(n.cfg), "1.blk"), `"digest":"0x02`, 20)
	if err := os.RemoveAll(filepath.Join(proofOf(n.cfg), "index.db")); err != nil {
		t.Fatal(err)
	}
	j.local.GiveUp()
	appendEvents(t, j, "after", 1, 10)
	if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
		t.Errorf("forgotten until %v, %v; the claim of %s was found damaged", forgot, err, round)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	n.signsNoOther(round)
}

// hasUnread reports whether the house has seen that a record cannot be read.
func (l *lane) hasUnread() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.stat.unread.IsZero()
}

// TestWhatCannotBeReadIsNotAbsent: a server that cannot open a block for a moment says that there is no claim, and would take one for the first.
// Retention does not free it.
func TestWhatCannotBeReadIsNotAbsent(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	limits := Limits{Bytes: 32 * unit.MiB}
	cfg := Config{Dir: t.TempDir(), Node: "gw-1", Raw: limits, Proof: limits}
	j := open(t, cfg)
	appendEvents(t, j, "before", 9, 1<<20)
	claimed := claim("report.x.ab", 0)
	if err := j.Append(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, j, "after", 14, 1<<20)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg) // which has looked into its first block and its last
	l := j.lanes[streamProof]
	block := filepath.Join(proofOf(cfg), "2.blk")
	if err := errors.Join(os.Rename(block, block+".away"), os.Mkdir(block, 0o700)); err != nil { // a folder cannot be read
		t.Fatal(err)
	}
	for n := 0; ; n++ { // it may have had a reason to look into that one; what it does not use for ten seconds it lets go of
		r, err := j.Last(t.Context(), dodona.TopicClaim, claimed.Key)
		if errors.Is(err, errUnread) {
			break
		}
		if n == 20 {
			t.Fatalf("the newest claim is %q, %v; want %v", r.ID, err, errUnread)
		}
		time.Sleep(13 * time.Second)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	second := claim("report.x.ab", 1)
	second.After = ""
	if err := j.Append(ctx, second); err == nil {
		t.Error("a claim is taken for the first")
	}
	cancel()
	for name, before := range map[string]func(dodona.Record) bool{"all": nil, "some": func(r dodona.Record) bool { return r.Sequence < 2 }} {
		var ended error
		for _, ended = range j.Scan(t.Context(), dodona.TopicClaim, claimed.Key, before) {
		}
		if !errors.Is(ended, errUnread) {
			t.Errorf("a scan of %s ends with %v, want %v", name, ended, errUnread)
		}
	}
	for asked := time.Now(); !l.hasUnread(); time.Sleep(10 * time.Millisecond) { // the house asks on, though it frees nothing now
		if poke(l.house.wake); time.Since(asked) > time.Minute {
			t.Fatal("the house does not see that a record cannot be read")
		}
	}
	if list, err := l.lasts(t.Context(), math.MaxUint64); err == nil {
		t.Errorf("retention goes on without the claim, with %+v", list)
	}
	if err := errors.Join(os.Remove(block), os.Rename(block+".away", block)); err != nil {
		t.Fatal(err)
	}
	// The server may hold to what it found until it is started again.
	if err := errors.Join(j.Close(), os.RemoveAll(filepath.Join(proofOf(cfg), "index.db"))); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg)
	if r, err := j.Last(t.Context(), dodona.TopicClaim, claimed.Key); err != nil || r.ID != claimed.ID {
		t.Errorf("the newest claim is %q, %v, want %q", r.ID, err, claimed.ID)
	}
}

// TestAClaimThatWasNotTheFirst: the store took it for the first of its key although it had one.
func TestAClaimThatWasNotTheFirst(t *testing.T) {
	j := open(t, Config{})
	first := claim("report.x.ab", 0)
	if err := j.Append(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	l := j.lanes[streamProof]
	var others, alone map[string]bool
	if err := l.visit(t.Context(), func() {
		subject := l.subjectOf(first)
		l.head.Stream++ // the second one came there
		f := l.chain([]*pending{})
		f.recs, f.msgs, f.guard = []dodona.Record{first}, nil, map[string]uint64{subject: 0}
		f.msgs = append(f.msgs, encode(first, j.writer, j.net))
		alone = l.notFirst(f)
		l.head.Stream--
		if _, err := j.js.PublishMsg(t.Context(), encode(claim("report.x.ab", 2), "ffffffff", j.net)); err != nil {
			t.Error(err)
		}
		l.head.Stream++
		others = l.notFirst(f)
		l.head.Stream--
	}); err != nil {
		t.Fatal(err)
	}
	if len(alone) != 0 || len(others) != 1 {
		t.Errorf("the only claim: %v, want none; the second: %v, want its subject", alone, others)
	}
	if forgot, err := j.Forgot(t.Context()); err != nil || forgot.IsZero() {
		t.Errorf("forgotten until %v, %v: what came behind an unread claim may be signed", forgot, err)
	}
}

// TestAStoreThatCannotReadIsStartedAgain: a record that must not go holds retention; a start with its check sets it aside, if it is damaged.
func TestAStoreThatCannotReadIsStartedAgain(t *testing.T) {
	j := open(t, Config{})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 1, 10)
	server := j.nc.ConnectedServerId()
	for _, unread := range []bool{true, false, true, true} {
		l.mendUnread(unread)
	}
	if j.nc.ConnectedServerId() != server {
		t.Error("the store is started again at once")
	}
	l.mu.Lock()
	l.stat.unread = time.Now().Add(-unreadFor - time.Second)
	l.mu.Unlock()
	l.mendUnread(true)
	appendEvents(t, j, "after", 1, 10)
	if j.nc.ConnectedServerId() == server {
		t.Error("the store is not started again")
	}
}

// TestWhoeverAsksSinceWhenClaimsAreKeptSeesWhichStreamKeepsThem: another one than before keeps them since now.
func TestWhoeverAsksSinceWhenClaimsAreKeptSeesWhichStreamKeepsThem(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0"})
	l := j.lanes[streamProof]
	l.mu.Lock()
	there := l.sighted.born
	l.sighted.born = there.Add(-time.Hour)
	l.mu.Unlock()
	began := time.Now()
	forgot, err := j.Forgot(t.Context())
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || forgot.Before(began) || !l.sighted.born.Equal(there) {
		t.Errorf("claims are kept since %s, %v, in a stream of %s; want since %s or later, in one of %s", forgot, err, l.sighted.born, began, there)
	}
}
