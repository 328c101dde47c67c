package sign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Why a claim is refused, apart from [dodona.ErrConflict]. Nothing of the call was signed.
var (
	// ErrPassed: a higher round of the subject is claimed already. Skip the round; do not retry.
	ErrPassed = errors.New("a higher round is already claimed")
	// ErrEarly: the round is further ahead of this node's clock than [Ahead]. Check the clocks; retry when it is due.
	ErrEarly = errors.New("the round is ahead of the clock")
	// ErrBefore: the round is not far enough above this node's own start, the later of its start and its newest claim of before
	// (restored backups and cloned disks), or what was claimed for it may have been lost. Wait for the next round.
	ErrBefore = errors.New("what was claimed of the round may not be known here")
	// ErrClock, with ErrBefore: what may have been lost is far ahead of this node's clock, so a clock is wrong, or was.
	ErrClock = errors.New("a clock is or was wrong")
	// ErrMalformed: a field of the claim is missing or cannot be. A bug of the caller.
	ErrMalformed = errors.New("malformed claim")
	// ErrOutrun: others claimed rounds of the subject in between, again and again. Nothing is known against the claims; try
	// again.
	ErrOutrun = errors.New("others claim in between again and again")
)

// Ahead is how far a round may be ahead of the signer's clock.
const Ahead = 2 * time.Second

// A ClaimError says which claim of a call was refused. The caller may sign the others without it.
type ClaimError struct {
	Index int // in the call
	Claim dodona.Claim
	Err   error // ErrConflict, ErrPassed, ErrEarly, ErrBefore, with or without ErrClock, or ErrMalformed, with words
}

// Error writes type, subject and round of the claim, and why it was refused.
func (e *ClaimError) Error() string {
	return fmt.Sprintf("sign %s %s %s: %v", e.Claim.Type, e.Claim.Subject, e.Claim.Round, e.Err)
}

// Unwrap returns why the claim was refused, by which callers decide.
func (e *ClaimError) Unwrap() error { return e.Err }

// Options are what a signer needs.
type Options struct {
	Key      *Key
	Journal  dodona.Keeper      // of which it needs Append and Last
	Now      func() time.Time   // the node's clock; nil means time.Now
	Recorder telemetry.Recorder // nil means telemetry.Nop

	// With more than one member: when this node started, and how far the rounds of a subject are apart. Own start is the later of
	// that and the newest claim of before; no round less than [Ahead] and an interval above it is voted for, so that a process
	// with the same key, which a restored backup or a cloned disk makes, is heard first. Since 0: no bound, as in a quorum of one, which alone
	// a node makes by now.
	Since dodona.Round
	Every func(subject string) time.Duration

	// Forgot returns up to when claims may have been made, by whatever process, that the ledger does not have; zero: it has all. It is
	// asked after the claims are on record and before anything is signed, so it must know of a loss that came while they were
	// appended. Claims that this process signed itself stand all the same.
	Forgot func(context.Context) (time.Time, error) // nil means never
}

// A Signer signs claims, each (network, type, subject, round) for one digest ever. It implements [dodona.Signer].
type Signer struct {
	Options
	signer string // the address, 40 hex digits

	mu    sync.Mutex
	locks map[subject]*lock
}

// subject is what has at most one claim a round. The network is not in it: a process speaks for one, and the journal
// keeps those of its network alone.
type subject struct{ kind, name string }

// A lock is what stands of a subject. Its fields belong to whoever holds it.
type lock struct {
	subject
	held  chan struct{} // a mutex of capacity one, so that waiting can end with the context
	key   string        // of its records
	known bool          // last is what the ledger holds; false at first and after an append of unknown outcome
	last  standing      // on record
	next  standing      // what last becomes once the append has returned
	ours  dodona.Claim  // the newest that this process signed; zero: none
	floor dodona.Round  // the lowest round that may be voted for; set once, when the lock is first read
	read  bool          // the lock was read before
}

// New returns a signer. Key and Journal are required. Several signers with one key, in one process or in many, are kept apart
// by the ledger.
func New(o Options) *Signer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Recorder == nil {
		o.Recorder = telemetry.Nop
	}
	return &Signer{Options: o, signer: hex20(o.Key.Address()), locks: map[subject]*lock{}}
}

// Address returns the address that the signatures recover to.
func (s *Signer) Address() dodona.Address { return s.Key.Address() }

// Sign records all claims in one append and then returns their signatures, r‖s‖v, in order; of a vote nil, for it is a lock alone.
// A claim that stands is signed again without a new record.
//
// One refused claim refuses the call with a [ClaimError]: [dodona.ErrConflict] (raise the alarm), [ErrPassed],
// [ErrEarly], [ErrBefore] or [ErrMalformed]. Any other error is the ledger's; nothing was signed, and the subjects
// are read again before anything of them is. Rounds of one subject in one call must rise.
// Sign may be called by many goroutines; it blocks while the journal is full, until ctx ends.
func (s *Signer) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	start := time.Now()
	inside, end := s.Recorder.Span(ctx, telemetry.Sign())
	err := s.claim(inside, claims)
	if err != nil {
		end(err)
		s.countRefusal(err)
		return nil, err
	}
	signatures := s.signatures(claims)
	end(nil)
	s.Recorder.Count(telemetry.SignSignatures, uint64(len(claims)))
	s.Recorder.Time(telemetry.SignTime, time.Since(start))
	return signatures, nil
}

// claim returns nil once every claim is on record.
func (s *Signer) claim(ctx context.Context, claims []dodona.Claim) error {
	now := dodona.RoundAt(s.Now())
	for i, c := range claims {
		if err := s.check(c, now); err != nil {
			return &ClaimError{i, c, err}
		}
	}
	byClaim := s.locksOf(claims)
	held := slices.Clone(byClaim)
	slices.SortFunc(held, func(a, b *lock) int { return cmp.Compare(a.key, b.key) }) // one order for all, so no deadlock
	held = slices.Compact(held)
	for i, l := range held {
		select {
		case l.held <- struct{}{}:
		case <-ctx.Done():
			release(held[:i])
			return fmt.Errorf("wait for %s: %w", l.key, ctx.Err())
		}
	}
	defer release(held)
	return s.record(ctx, claims, byClaim, held)
}

func release(held []*lock) {
	for _, l := range held {
		<-l.held
	}
}

// check refuses what needs no lock to be refused.
func (s *Signer) check(c dodona.Claim, now dodona.Round) error {
	switch {
	case dodona.CheckName(c.Type, 1) != nil:
		return fmt.Errorf("%w: type %q", ErrMalformed, c.Type)
	case dodona.CheckName(c.Subject, dodona.MaxNameParts) != nil:
		return fmt.Errorf("%w: subject %q", ErrMalformed, c.Subject)
	case c.Round == 0 || c.Digest.IsZero() || c.Network.IsZero():
		return fmt.Errorf("%w: round, digest or network is zero", ErrMalformed)
	case c.Round > now+dodona.Round(Ahead.Milliseconds()):
		return fmt.Errorf("%w: by %d ms, at most %s is allowed", ErrEarly, c.Round-now, Ahead)
	}
	return nil
}

// locksOf returns the lock of each claim's subject.
func (s *Signer) locksOf(claims []dodona.Claim) []*lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	locks := make([]*lock, len(claims))
	for i, c := range claims {
		id := subject{filed(c.Type), c.Subject}
		l := s.locks[id]
		if l == nil {
			l = &lock{subject: id, held: make(chan struct{}, 1), key: s.keyOf(c)}
			s.locks[id] = l
		}
		locks[i] = l
	}
	return locks
}

// keyOf returns the key of a claim's records.
func (s *Signer) keyOf(c dodona.Claim) string {
	return filed(c.Type) + "." + c.Subject + "." + s.signer
}

// maxRaces is how often somebody may write in between before the call gives up. A call of this process that was left before
// its append returned is such a somebody.
const maxRaces = 8

// record appends what is not on record yet, and makes sure that nothing else may have been on record. The locks are held.
func (s *Signer) record(ctx context.Context, claims []dodona.Claim, byClaim, held []*lock) error {
	for race := 0; ; race++ {
		if err := s.loadAll(ctx, held); err != nil {
			return err
		}
		recs, err := s.plan(claims, byClaim)
		if err != nil {
			return err
		}
		if len(recs) == 0 {
			return s.stands(ctx, claims, byClaim)
		}
		for _, l := range held {
			l.known = false // until the append has returned
		}
		switch err = s.Journal.Append(ctx, recs...); {
		case err == nil:
			for _, l := range held {
				l.last, l.known = l.next, true
			}
			s.Recorder.Count(telemetry.SignClaims, uint64(len(recs)))
			return s.stands(ctx, claims, byClaim)
		case !errors.Is(err, dodona.ErrConflict):
			return fmt.Errorf("record %s of %s: %w", unit.Count(len(recs), "claim"), s.Address().Short(), err)
		case race == maxRaces: // not ErrConflict, which would say that the claims contradict what is on record
			return fmt.Errorf("record %s of %s: %w: %v", unit.Count(len(recs), "claim"), s.Address().Short(), ErrOutrun, err)
		}
		s.Recorder.Count(telemetry.SignRaces, 1)
	}
}

// loadsAtOnce bounds how many claims are read at the same time, where many feeds begin at once: the ledger may be far.
const loadsAtOnce = 16

// loadAll reads the newest claims of subjects as far as they are not known.
func (s *Signer) loadAll(ctx context.Context, held []*lock) error {
	errs := make([]error, len(held))
	if len(held) > loadsAtOnce {
		turns := make(chan struct{}, loadsAtOnce)
		var wg sync.WaitGroup
		for i, l := range held {
			turns <- struct{}{}
			wg.Go(func() {
				errs[i] = s.load(ctx, l)
				<-turns
			})
		}
		wg.Wait()
	}
	for i, l := range held {
		if errs[i] == nil {
			errs[i] = s.load(ctx, l) // which does nothing if it is known
		}
		if errs[i] != nil {
			return errs[i]
		}
		l.next = l.last
	}
	return nil
}

// load reads the newest claim of a subject unless it is known.
func (s *Signer) load(ctx context.Context, l *lock) error {
	if l.known {
		return nil
	}
	rec, err := s.Journal.Last(ctx, dodona.TopicClaim, l.key)
	if errors.Is(err, dodona.ErrNotFound) {
		s.take(l, standing{})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the newest claim of %s: %w", l.key, err)
	}
	c, found, err := readStanding(rec)
	if errors.Is(err, errMismatch) || err == nil && (rec.Key != l.key || s.keyOf(c) != l.key) {
		err = fmt.Errorf("record %q of %q %w", rec.ID, rec.Key, errMismatch)
	}
	if err != nil {
		return fmt.Errorf("read the newest claim of %s: %w; nothing of it is signed until the record is mended", l.key, err)
	}
	s.take(l, found)
	return nil
}

// take takes what the ledger has for what stands. What it has at first is from before the start, or of another process.
func (s *Signer) take(l *lock, found standing) {
	if !l.read && s.Since > 0 {
		l.floor = max(s.Since, found.newest()) + dodona.Round((Ahead + s.Every(l.name)).Milliseconds())
	}
	l.last, l.known, l.read = l.last.found(found), true, true
}

// stands returns nil if what is on record is all that was claimed of these rounds. A ledger that lost its disk has less: what was decided
// on its silence, by whomever, is no ground to sign on, even if it is on record now. What this process signed itself, it remembers.
func (s *Signer) stands(ctx context.Context, claims []dodona.Claim, byClaim []*lock) error {
	var least dodona.Round // rounds up to it may have been claimed by others and forgotten
	for i, c := range claims {
		if c == byClaim[i].ours {
			continue
		}
		if least == 0 && s.Forgot != nil {
			at, err := s.Forgot(ctx)
			if err != nil {
				return fmt.Errorf("sign %s of %s: %w", unit.Count(len(claims), "claim"), s.Address().Short(), err)
			}
			if at.IsZero() {
				break
			}
			least = LastDoubted(at)
		}
		if c.Round <= least {
			err := fmt.Errorf("%w: claims of rounds up to %s may have been lost with the store that kept them", ErrBefore, least)
			if ahead := least.Time().Sub(s.Now()); ahead > clockWrong {
				err = fmt.Errorf("%w, %s ahead of this node's clock: %w", err, ahead.Round(time.Second), ErrClock)
			}
			return &ClaimError{i, c, err}
		}
	}
	for i, c := range claims {
		byClaim[i].ours = c
	}
	return nil
}

// LastDoubted returns the last round that nothing new is signed of where claims may be lost that were made before a time.
func LastDoubted(forgot time.Time) dodona.Round {
	return dodona.RoundAt(forgot.Add(2 * Ahead)) // once for the rounds, once for the clocks
}

// clockWrong is how far ahead what may have been lost can be while all clocks are right.
const clockWrong = 10 * Ahead

// plan judges the claims in order and returns the records of those that are new.
func (s *Signer) plan(claims []dodona.Claim, byClaim []*lock) ([]dodona.Record, error) {
	recs := make([]dodona.Record, 0, len(claims))
	for i, c := range claims {
		l := byClaim[i]
		again, err := l.judge(c)
		if err != nil {
			return nil, &ClaimError{i, c, err}
		}
		if again && !l.next.lost {
			continue
		}
		after := l.next.id
		l.next = l.next.with(c)
		body := appendEntry(nil, c, l.next)
		l.next.id = idOf(c, body)
		recs = append(recs, dodona.Record{Topic: dodona.TopicClaim, Key: l.key, ID: l.next.id, Body: body, After: after})
	}
	return recs, nil
}

// judge returns whether c is on record, or why it may not be.
func (l *lock) judge(c dodona.Claim) (again bool, err error) {
	if votes(c) && c.Round < l.floor {
		return false, fmt.Errorf("%w: the first round to vote for is %s", ErrBefore, l.floor)
	}
	return l.next.judge(c)
}

// signaturesEach is how many signatures are worth a goroutine: about half a millisecond.
const signaturesEach = 8

// signatures signs on all cores what is on record.
func (s *Signer) signatures(claims []dodona.Claim) [][]byte {
	backing := make([]dodona.Signature, len(claims))
	out := make([][]byte, len(claims))
	work := func(from, to int) {
		for i := from; i < to; i++ {
			if signs(claims[i]) {
				backing[i] = s.Key.secret.Sign(claims[i].Digest)
				out[i] = backing[i][:]
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), (len(claims)+signaturesEach-1)/signaturesEach)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { work(w*len(claims)/workers, (w+1)*len(claims)/workers) })
	}
	wg.Wait()
	return out
}

// countRefusal counts why nothing was signed.
func (s *Signer) countRefusal(err error) {
	reason := "ledger"
	for name, target := range map[string]error{
		"outrun": ErrOutrun, "conflict": dodona.ErrConflict, "passed": ErrPassed, "early": ErrEarly, "before": ErrBefore, "malformed": ErrMalformed,
	} {
		if errors.Is(err, target) {
			reason = name
		}
	}
	s.Recorder.Count(telemetry.SignRefused.Of(reason), 1)
}
