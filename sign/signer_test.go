package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ dodona.Signer = (*Signer)(nil)

func TestSignRecordsBeforeItSigns(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	a, s := newAudit(k), newSigner(k, d.process(nil))
	c := claimOf("report", "btc.usd", 1000, 0)
	if err, _ := a.sign(t, s, c); err != nil {
		t.Fatal(err)
	}
	key := "report.btc.usd." + strings.TrimPrefix(k.Address().String(), "0x")
	list := d.keys[key]
	if len(list) != 1 {
		t.Fatalf("records of %s: %d, want 1 of %v", key, len(list), d.keys)
	}
	rec := list[0]
	body, _ := json.Marshal(c)
	all := strings.TrimPrefix(dodona.Keccak256(body).String(), "0x")
	if rec.Topic != dodona.TopicClaim || rec.ID != "1000-"+all || rec.After != "" || string(rec.Body) != string(body) {
		t.Fatalf("record %+v with body %s, want body %s", rec, rec.Body, body)
	}
	if err, _ := a.sign(t, s, c, c); err != nil || len(d.keys[key]) != 1 {
		t.Fatalf("the same claim again: %v, %d records, want 1", err, len(d.keys[key]))
	}
	a.check(t, d)
}

func TestSignRefuses(t *testing.T) {
	base := dodona.RoundAt(clock)
	claimed := claimOf("report", "btc.usd", base, 0)
	for name, c := range map[string]struct {
		change func(*dodona.Claim)
		want   error
	}{
		"another digest":     {func(c *dodona.Claim) { c.Digest[0] ^= 1 }, dodona.ErrConflict},
		"another observed":   {func(c *dodona.Claim) { c.Observed[0] ^= 1 }, dodona.ErrConflict},
		"another network":    {func(c *dodona.Claim) { c.Network[0] ^= 1 }, ErrPassed},
		"a lower round":      {func(c *dodona.Claim) { c.Round-- }, ErrPassed},
		"round 0":            {func(c *dodona.Claim) { c.Round = 0 }, ErrMalformed},
		"no digest":          {func(c *dodona.Claim) { c.Digest = dodona.Digest{} }, ErrMalformed},
		"no network":         {func(c *dodona.Claim) { c.Network = dodona.Digest{} }, ErrMalformed},
		"a type with points": {func(c *dodona.Claim) { c.Type = "report.btc" }, ErrMalformed},
		"no type":            {func(c *dodona.Claim) { c.Type = "" }, ErrMalformed},
		"no subject":         {func(c *dodona.Claim) { c.Subject = "" }, ErrMalformed},
		"a subject in JSON":  {func(c *dodona.Claim) { c.Subject = `a","round":1,"x":"` }, ErrMalformed},
		"2.001 s ahead":      {func(c *dodona.Claim) { c.Round += 2001 }, ErrEarly},
		"the end of time":    {func(c *dodona.Claim) { c.Round = 1<<64 - 1 }, ErrEarly},
	} {
		k, d := newTestKey(t), newDisk()
		a, s := newAudit(k), newSigner(k, d.process(nil))
		if err, _ := a.sign(t, s, claimed); err != nil {
			t.Fatal(err)
		}
		bad, other := claimed, claimOf("report", "other", base, 0)
		c.change(&bad)
		err, _ := a.sign(t, s, other, bad)
		var refused *ClaimError
		if !errors.Is(err, c.want) || !errors.As(err, &refused) || refused.Index != 1 || refused.Claim != bad {
			t.Errorf("%s: got %v, want %v for claim 1", name, err, c.want)
		}
		if len(d.keys) != 1 {
			t.Errorf("%s: the other claim of the call is on record: %v", name, d.keys)
		}
		a.check(t, d)
	}
}

func TestSignTakesWhatIsDue(t *testing.T) {
	base := dodona.RoundAt(clock)
	k, d := newTestKey(t), newDisk()
	a, s := newAudit(k), newSigner(k, d.process(nil))
	changed := claimOf("report", "a", base+1, 0)
	changed.Network[0] ^= 1
	for _, claims := range [][]dodona.Claim{
		nil,
		{claimOf("report", "a", base, 0), claimOf("observation", "a", base, 0), claimOf("report", "b", base-5, 0)},
		{changed}, // a renamed network goes on with the next round
		{claimOf("report", "b", base+1, 0), claimOf("report", "b", base+2, 0), claimOf("report", "b", base+2000, 0)},
	} {
		if err, _ := a.sign(t, s, claims...); err != nil {
			t.Errorf("%+v: %v", claims, err)
		}
	}
	if err, _ := a.sign(t, s, claimOf("report", "c", 9, 0), claimOf("report", "c", 8, 0)); !errors.Is(err, ErrPassed) {
		t.Errorf("falling rounds in one call: got %v, want ErrPassed", err)
	}
	a.check(t, d)
}

// TestUnknownOutcomeIsReadAgain: after an append that failed the signer trusts the ledger and not its memory.
func TestUnknownOutcomeIsReadAgain(t *testing.T) {
	for f := loseBefore; f <= loseLate; f++ {
		k, d := newTestKey(t), newDisk()
		faulty := f
		p := d.process(func(step int) fault {
			if step == 1 { // 0 is Last
				return faulty
			}
			return fine
		})
		a, s := newAudit(k), newSigner(k, p)
		first, second := claimOf("report", "a", 5, 1), claimOf("report", "a", 5, 2)
		if err, _ := a.sign(t, s, first); !errors.Is(err, errUnknown) {
			t.Fatalf("fault %d: got %v, want %v", f, err, errUnknown)
		}
		d.land()
		lasts := p.lasts
		err, _ := a.sign(t, s, second)
		if p.lasts == lasts {
			t.Errorf("fault %d: signed from memory", f)
		}
		if kept := f != loseBefore; kept != errors.Is(err, dodona.ErrConflict) {
			t.Errorf("fault %d: the second digest gives %v; the first was kept: %v", f, err, kept)
		}
		a.check(t, d)
	}
}

func TestDamagedRecordsStopTheirSubjectOnly(t *testing.T) {
	k := newTestKey(t)
	good := claimOf("report", "a", 5, 0)
	key := "report.a." + hex20(k.Address())
	rec := dodona.Record{Topic: dodona.TopicClaim, Key: key, ID: recordID(good), Body: appendClaim(nil, good)}
	other := claimOf("report", "b", 5, 0)
	for name, change := range map[string]func(*dodona.Record){
		"empty":   func(r *dodona.Record) { r.Body = nil },
		"no JSON": func(r *dodona.Record) { r.Body = r.Body[:9] },
		"two rounds": func(r *dodona.Record) {
			r.Body = []byte(strings.Replace(string(r.Body), `"round":5`, `"round":5,"round":"6"`, 1))
		},
		"no round": func(r *dodona.Record) {
			none := good
			none.Round = 0
			r.Body, r.ID = appendClaim(nil, none), recordID(none)
		},
		"another round":   func(r *dodona.Record) { r.Body = []byte(strings.Replace(string(r.Body), `"round":5`, `"round":4`, 1)) },
		"another id":      func(r *dodona.Record) { r.ID = recordID(other) },
		"another key":     func(r *dodona.Record) { r.Key = "report.b." + hex20(k.Address()) },
		"another subject": func(r *dodona.Record) { r.Body, r.ID = appendClaim(nil, other), recordID(other) },
		"more than ids of before covered": func(r *dodona.Record) {
			r.Body, r.ID = appendEntry(nil, good, on("", claimOf("signature", "a", 6, 0), good)), formerID(good)
		},
		"a vote under an id of before": func(r *dodona.Record) {
			vote := claimOf("vote", "a", 5, 0)
			r.Body, r.ID = appendClaim(nil, vote), formerID(vote)
		},
	} {
		d := newDisk()
		damaged := rec
		change(&damaged)
		d.keys[key] = []dodona.Record{damaged}
		s := newSigner(k, d.process(nil))
		_, err := s.Sign(t.Context(), claimOf("report", "a", 6, 0))
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v, want an error that names %s", name, err, key)
		}
		if broken := name == "empty" || name == "no JSON" || name == "two rounds"; broken == errors.Is(err, errMismatch) {
			t.Errorf("%s: got %v, want it to say what is broken, or that a record is not what its name says", name, err)
		}
		if errors.Is(err, errMismatch) && !strings.Contains(err.Error(), fmt.Sprintf("record %q of %q", damaged.ID, damaged.Key)) {
			t.Errorf("%s: got %v, want it to name the record", name, err)
		}
		if _, err := s.Sign(t.Context(), other); err != nil {
			t.Errorf("%s: another subject: %v", name, err)
		}
	}
}

// TestRecordsSayWhatTheyWereDecidedOn holds that each record names the one before it, within a call too, and that a claim filed
// by a version whose ids named the digest alone is still the lock.
func TestRecordsSayWhatTheyWereDecidedOn(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	key := "report.a." + hex20(k.Address())
	old := claimOf("report", "a", 5, 0)
	d.keys[key] = []dodona.Record{{Topic: dodona.TopicClaim, Key: key, ID: formerID(old), Body: appendClaim(nil, old)}}
	s := newSigner(k, d.process(nil))
	if _, err := s.Sign(t.Context(), claimOf("report", "a", 5, 1)); !errors.Is(err, dodona.ErrConflict) {
		t.Fatalf("another digest for a round on record under its former id: %v, want ErrConflict", err)
	}
	if _, err := s.Sign(t.Context(), claimOf("report", "a", 6, 0), claimOf("report", "a", 7, 0)); err != nil {
		t.Fatal(err)
	}
	list := d.keys[key]
	if len(list) != 3 || list[1].After != list[0].ID || list[2].After != list[1].ID {
		t.Fatalf("records %+v: want each after the one before", list)
	}
	other := claimOf("report", "a", 7, 0)
	other.Observed[0] ^= 1
	if recordID(other) == list[2].ID {
		t.Fatal("a claim over other observations has the same record id")
	}
}

// TestALeftCallIsNotOverlooked is the race behind two signatures for one round: a call is left while its record is on its
// way, the next one reads the record before it, another process claims the round, and only then do the first two arrive.
func TestALeftCallIsNotOverlooked(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	a := newAudit(k)
	late := func(step int) fault { // Last, Append, Last, Append: both appends arrive later
		if step == 1 || step == 3 {
			return loseLate
		}
		return fine
	}
	first, second := newSigner(k, d.process(late)), newSigner(k, d.process(nil))
	for round := range dodona.Round(2) {
		if err, _ := a.sign(t, first, claimOf("report", "a", round+1, 0)); !errors.Is(err, errUnknown) {
			t.Fatalf("round %d: %v, want an unknown outcome", round+1, err)
		}
	}
	if err, _ := a.sign(t, second, claimOf("report", "a", 2, 1)); err != nil {
		t.Fatal(err)
	}
	d.land()
	if err, _ := a.sign(t, first, claimOf("report", "a", 2, 0)); !errors.Is(err, dodona.ErrConflict) {
		t.Fatalf("the left claim for the round: %v, want ErrConflict", err)
	}
	a.check(t, d)
}

// TestKilledAtEveryStep kills the signer at each call of its ledger in each way, restarts it on the same disk with other
// values for the same rounds, kills that one at each call too, and audits all signatures that ever got out.
func TestKilledAtEveryStep(t *testing.T) {
	racetest.Long(t, "it kills processes")
	t.Parallel()
	k := newTestKey(t)
	work := func(variant byte) [][]dodona.Claim {
		return [][]dodona.Claim{
			{claimOf("observation", "a", 1, variant)},
			{claimOf("report", "a", 1, variant)},
			{claimOf("observation", "a", 2, variant), claimOf("observation", "b", 2, variant), claimOf("report", "a", 2, variant)},
			{claimOf("report", "b", 3, variant), claimOf("report", "b", 4, variant)},
		}
	}
	run := func(a *audit, s *Signer, variant byte) {
		for _, claims := range work(variant) {
			err, killed := a.sign(t, s, claims...)
			if killed {
				return
			}
			if errors.Is(err, errUnknown) {
				err, killed = a.sign(t, s, claims...) // as a caller would try again
			}
			if killed {
				return
			}
			if err != nil && !errors.Is(err, dodona.ErrConflict) && !errors.Is(err, ErrPassed) && !errors.Is(err, errUnknown) {
				t.Fatal(err)
			}
		}
	}
	once := func(at int, f fault) func(int) fault {
		return func(step int) fault {
			if step == at {
				return f
			}
			return fine
		}
	}
	const steps = 14 // more than a run takes
	cases, deaths := 0, 0
	for f1 := loseBefore; f1 < faults; f1++ {
		for at1 := range steps {
			for f2 := loseBefore; f2 < faults; f2++ {
				for at2 := range steps {
					d, a := newDisk(), newAudit(k)
					a.permits = true
					first := d.process(once(at1, f1))
					run(a, newSigner(k, first), 1)
					if (at1+at2)%2 == 0 {
						d.land() // else what is on its way arrives after the restart
					}
					run(a, newSigner(k, d.process(once(at2, f2))), 2)
					d.land()
					run(a, newSigner(k, d.process(nil)), 3)
					a.check(t, d)
					if len(a.signed) == 0 || t.Failed() {
						t.Fatalf("fault %d at step %d, then %d at %d: %d signed", f1, at1, f2, at2, len(a.signed))
					}
					cases++
					if first.dead {
						deaths++
					}
				}
			}
		}
	}
	t.Logf("%d histories, %d with a death", cases, deaths)
	if deaths == 0 {
		t.Error("nothing ever died")
	}
}

// TestNoHistorySignsTwice drives random claims, faults, restarts and a second process with the same key.
func TestNoHistorySignsTwice(t *testing.T) {
	k := newTestKey(t)
	rapid.Check(t, func(t *rapid.T) {
		d, a := newDisk(), newAudit(k)
		a.permits = true
		faulty := func(int) fault {
			return rapid.SampledFrom([]fault{fine, fine, fine, fine, loseBefore, loseAfter, loseLate, killBefore, killAfter, killLate}).Draw(t, "fault")
		}
		signers := []*Signer{newSigner(k, d.process(faulty)), newSigner(k, d.process(faulty))}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.IntRange(0, 5).Draw(t, "land") == 0 {
				d.land()
			}
			claims := make([]dodona.Claim, rapid.IntRange(1, 4).Draw(t, "claims"))
			for i := range claims {
				claims[i] = claimOf(rapid.SampledFrom([]string{"report", "observation", "vote", "vote", "signature", "signature"}).Draw(t, "type"),
					rapid.SampledFrom([]string{"a", "b"}).Draw(t, "subject"),
					dodona.Round(rapid.IntRange(1, 6).Draw(t, "round")), rapid.ByteRange(0, 1).Draw(t, "variant"))
			}
			which := rapid.IntRange(0, 1).Draw(t, "process")
			if _, killed := a.sign(t, signers[which], claims...); killed {
				signers[which] = newSigner(k, d.process(faulty))
			}
		}
		a.check(t, d)
	})
}

// TestManyGoroutinesAndTwoProcesses races two signers of one key, each used by many goroutines.
func TestManyGoroutinesAndTwoProcesses(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	a := newAudit(k)
	signers := []*Signer{newSigner(k, d.process(nil)), newSigner(k, d.process(nil))}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range 30 {
				var claims []dodona.Claim
				for range 1 + random.IntN(4) {
					claims = append(claims, claimOf("report", fmt.Sprintf("feed-%d", random.IntN(4)), dodona.Round(i+1), byte(random.IntN(2))))
				}
				err, _ := a.sign(t, signers[g%2], claims...)
				if err != nil && !errors.Is(err, dodona.ErrConflict) && !errors.Is(err, ErrPassed) && !errors.Is(err, ErrOutrun) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	a.check(t, d)
	if len(a.signed) < 20 {
		t.Errorf("only %d claims were signed", len(a.signed))
	}
}

// barrier is a ledger whose appends return only when a number of them wait together, as a group commit does.
type barrier struct {
	*process
	wait sync.WaitGroup
}

func (b *barrier) Append(ctx context.Context, recs ...dodona.Record) error {
	b.wait.Done()
	b.wait.Wait()
	return b.process.Append(ctx, recs...)
}

func TestSubjectsShareAFlush(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	const n = 8
	b := &barrier{process: d.process(nil)}
	b.wait.Add(n)
	s := newSigner(k, b)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := s.Sign(t.Context(), claimOf("report", fmt.Sprint("feed-", i), 1, 0)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait() // hangs if one subject waits for another
}

// stuck is a full journal: Append blocks until its context ends.
type stuck struct{ *process }

func (stuck) Append(ctx context.Context, _ ...dodona.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestSignEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(newTestKey(t), stuck{newDisk().process(nil)})
		first, cancelFirst := context.WithTimeout(t.Context(), time.Minute)
		defer cancelFirst()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Sign(first, claimOf("report", "a", 1, 0)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("in the append: got %v", err)
			}
		})
		synctest.Wait()
		second, cancelSecond := context.WithTimeout(t.Context(), time.Second)
		defer cancelSecond()
		// b is locked before the wait for a ends; it must be free again afterwards.
		if _, err := s.Sign(second, claimOf("report", "a", 1, 0), claimOf("observation", "b", 1, 0)); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "wait for ") {
			t.Errorf("in the wait for the subject: got %v", err)
		}
		wg.Wait()
		for id, l := range s.locks {
			if len(l.held) != 0 {
				t.Errorf("%v is still locked", id)
			}
		}
	})
}

func TestSignCounts(t *testing.T) {
	c := new(telemetrytest.Tally)
	d := newDisk()
	k := newTestKey(t)
	s := New(Options{Key: k, Journal: d.process(nil), Now: now, Recorder: c})
	for _, claims := range [][]dodona.Claim{
		{claimOf("report", "a", 1, 0), claimOf("report", "b", 1, 0)},
		{claimOf("report", "a", 1, 0)},
		{claimOf("report", "a", 1, 1)},
		{claimOf("report", "a", 0, 1)},
	} {
		_, _ = s.Sign(t.Context(), claims...)
	}
	other := newSigner(k, d.process(nil))
	if _, err := other.Sign(t.Context(), claimOf("report", "b", 2, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), claimOf("report", "b", 3, 0)); err != nil {
		t.Fatalf("after another process wrote a lower round: %v", err)
	}
	for name, want := range map[telemetry.Counter]uint64{
		telemetry.SignClaims: 3, telemetry.SignSignatures: 4, telemetry.SignRaces: 1,
		telemetry.SignRefused.Of("conflict"): 1, telemetry.SignRefused.Of("malformed"): 1,
	} {
		if counted := c.Counts(); counted[name] != want {
			t.Errorf("%s: got %d, want %d of %v", name, counted[name], want, counted)
		}
	}
}

// TestEverySignatureIsMadeWhateverTheirNumber: they are made on several cores, where there are many.
func TestEverySignatureIsMadeWhateverTheirNumber(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	k := newTestKey(t)
	for _, n := range []int{1, 7, 8, 9, 16, 17, 33} {
		d, a := newDisk(), newAudit(k)
		s := newSigner(k, d.process(nil))
		var claims []dodona.Claim
		for i := range n {
			claims = append(claims, claimOf("report", "a", dodona.Round(i+1), 0))
		}
		if err, _ := a.sign(t, s, claims...); err != nil { // recovers each
			t.Errorf("%d: %v", n, err)
		}
	}
}

// crowd is a ledger that has nothing, and counts who asks it at the same time.
type crowd struct {
	*process
	mu        sync.Mutex
	here, all int
}

func (c *crowd) Last(ctx context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	c.mu.Lock()
	c.here++
	c.all = max(c.all, c.here)
	c.mu.Unlock()
	time.Sleep(time.Second) // of a bubble's clock
	c.mu.Lock()
	c.here--
	c.mu.Unlock()
	return c.process.Last(ctx, topic, key)
}

// TestManyClaimsAreReadAtOnceButNotAll: a node of many feeds begins soon, and its ledger is not flooded.
func TestManyClaimsAreReadAtOnceButNotAll(t *testing.T) {
	for subjects, want := range map[int]int{1: 1, 16: 1, 17: 16, 40: 16} {
		synctest.Test(t, func(t *testing.T) {
			c := &crowd{process: newDisk().process(nil)}
			s := newSigner(newTestKey(t), c)
			var claims []dodona.Claim
			for i := range subjects {
				claims = append(claims, claimOf("report", fmt.Sprint("feed-", i), 1, 0))
			}
			if _, err := s.Sign(t.Context(), claims...); err != nil {
				t.Fatal(err)
			}
			if c.all != want || c.lasts != subjects {
				t.Errorf("%d subjects: %d reads, %d at once, want %d, %d at once", subjects, c.lasts, c.all, subjects, want)
			}
		})
	}
}

// TestWhatIsKnownIsNotReadAgain, not even if it was found on record, and nothing was appended.
func TestWhatIsKnownIsNotReadAgain(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	c := claimOf("report", "a", 5, 0)
	if _, err := newSigner(k, d.process(nil)).Sign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	p := d.process(nil)
	s := newSigner(k, p)
	for range 3 {
		if _, err := s.Sign(t.Context(), c); err != nil || p.lasts != 1 {
			t.Errorf("%v after %d reads, want one", err, p.lasts)
		}
	}
}

// raced is a ledger in which others are faster, some times.
type raced struct {
	*process
	times int
}

func (r *raced) Append(ctx context.Context, recs ...dodona.Record) error {
	if r.times > 0 {
		r.times--
		return dodona.ErrConflict
	}
	return r.process.Append(ctx, recs...)
}

// TestASignerThatIsOutrunGivesUp, and does not say that its claim contradicts what is on record.
func TestASignerThatIsOutrunGivesUp(t *testing.T) {
	for times, want := range map[int]error{8: nil, 9: ErrOutrun} {
		c := new(telemetrytest.Tally)
		s := New(Options{Key: newTestKey(t), Journal: &raced{newDisk().process(nil), times}, Now: now, Recorder: c})
		_, err := s.Sign(t.Context(), claimOf("report", "a", 1, 0))
		if !errors.Is(err, want) || (err == nil) != (want == nil) || errors.Is(err, dodona.ErrConflict) {
			t.Errorf("outrun %d times: %v, want %v", times, err, want)
		}
		if n := c.Counts(); n[telemetry.SignRaces] != 8 || (want != nil) != (n[telemetry.SignRefused.Of("outrun")] == 1) {
			t.Errorf("outrun %d times: counted %v", times, n)
		}
	}
}

// BenchmarkAttestations makes what one attestation of a 1 of 1 costs its signer: a claim and a signature for the
// observation, and again for the report, in calls of 64.
func BenchmarkAttestations(b *testing.B) {
	const batch = 64
	s := New(Options{Key: newTestKey(b), Journal: newDisk().process(nil), Now: func() time.Time { return time.UnixMilli(1 << 60) }})
	observations, reports := make([]dodona.Claim, batch), make([]dodona.Claim, batch)
	b.ReportAllocs()
	round := dodona.Round(1)
	for b.Loop() {
		for i := range batch {
			observations[i] = claimOf("observation", "feed", round, 0)
			reports[i] = claimOf("report", "feed", round, 0)
			round++
		}
		for _, claims := range [][]dodona.Claim{observations, reports} {
			if _, err := s.Sign(b.Context(), claims...); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "attestations/s")
}
