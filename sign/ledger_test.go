package sign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// A disk is what outlives a process: the claims of every key, in order.
type disk struct {
	mu   sync.Mutex
	keys map[string][]dodona.Record
	late []func() // appends of unknown outcome that are still on their way
}

func newDisk() *disk { return &disk{keys: map[string][]dodona.Record{}} }

// land lets everything on its way arrive.
func (d *disk) land() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, arrive := range d.late {
		arrive()
	}
	d.late = nil
}

// write appends whole or not at all: only if each record follows the one that its writer decided on. The disk is locked.
func (d *disk) write(recs []dodona.Record) error {
	tail := map[string]string{}
	var fresh []dodona.Record
	for _, r := range recs {
		last, found := tail[r.Key]
		if list := d.keys[r.Key]; !found && len(list) > 0 {
			last = list[len(list)-1].ID
		}
		if last == r.ID {
			continue // already there
		}
		if last != r.After {
			return dodona.ErrConflict
		}
		tail[r.Key], fresh = r.ID, append(fresh, r)
	}
	for _, r := range fresh {
		d.keys[r.Key] = append(d.keys[r.Key], r)
	}
	return nil
}

var (
	errKilled  = errors.New("killed")
	errUnknown = errors.New("connection lost: outcome unknown")
)

// A fault is what happens at one step of a process.
type fault int

const (
	fine       fault = iota
	loseBefore       // error, and nothing was kept
	loseAfter        // error, but it was kept
	loseLate         // error, and it is kept later
	killBefore       // the process dies before the step
	killAfter        // the process dies after the step
	killLate         // the process dies and the step happens later
	faults
)

// A process is one process's view of a disk. It panics with errKilled where it dies.
type process struct {
	dodona.Ledger // nil: a signer asks for Last alone
	disk          *disk
	fault         func(step int) fault // nil: fine

	mu    sync.Mutex
	steps int
	dead  bool
	lasts int
}

func (d *disk) process(f func(step int) fault) *process {
	return &process{disk: d, fault: f}
}

// step returns what happens now. The process is locked.
func (p *process) step() fault {
	p.steps++
	f := fine
	if p.fault != nil {
		f = p.fault(p.steps - 1)
	}
	if f == killBefore {
		p.dead = true
	}
	if p.dead {
		panic(errKilled)
	}
	return f
}

func (p *process) Append(ctx context.Context, recs ...dodona.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.step()
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	switch f {
	case loseBefore:
		return errUnknown
	case loseLate, killLate:
		p.disk.late = append(p.disk.late, func() { _ = p.disk.write(recs) })
		if f == killLate {
			p.dead = true
			panic(errKilled)
		}
		return errUnknown
	}
	err := p.disk.write(recs)
	if f == killAfter {
		p.dead = true
		panic(errKilled)
	}
	if f == loseAfter {
		return errUnknown
	}
	return err
}

func (p *process) Last(_ context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lasts++
	switch p.step() {
	case loseBefore, loseAfter, loseLate:
		return dodona.Record{}, errUnknown
	case killAfter, killLate:
		p.dead = true
		panic(errKilled)
	}
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	list := p.disk.keys[key]
	if topic != dodona.TopicClaim || len(list) == 0 {
		return dodona.Record{}, fmt.Errorf("key %q: %w", key, dodona.ErrNotFound)
	}
	return list[len(list)-1], nil
}

// An audit collects every signature that ever left any process.
type audit struct {
	permits bool // takes the signer's permission for the signature, which is the same to an audit and costs nothing

	mu     sync.Mutex
	signer dodona.Address
	signed map[dodona.Claim]bool
	first  map[[3]string]map[dodona.Round]mark // by what was done, votes or signatures, and the subject
}

func newAudit(k *Key) *audit {
	return &audit{signer: k.Address(), signed: map[dodona.Claim]bool{}, first: map[[3]string]map[dodona.Round]mark{}}
}

type failer interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// sign signs through s and audits what comes out. killed is true if the process died.
func (a *audit) sign(t failer, s *Signer, claims ...dodona.Claim) (err error, killed bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if r != errKilled {
				panic(r)
			}
			err, killed = errKilled, true
		}
	}()
	if a.permits {
		err = s.claim(context.Background(), claims)
	} else {
		err = a.signAndRecover(t, s, claims)
	}
	if err != nil {
		return err, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range claims {
		if votes(c) {
			a.once(t, "voted", c)
		}
		if signs(c) {
			a.once(t, "signed", c)
		}
		a.signed[c] = true
	}
	return nil, false
}

// once fails if something else was voted or signed of the claim's round. The audit is locked.
func (a *audit) once(t failer, what string, c dodona.Claim) {
	t.Helper()
	at := [3]string{what, c.Network.String(), filed(c.Type) + "." + c.Subject}
	if a.first[at] == nil {
		a.first[at] = map[dodona.Round]mark{}
	}
	if first, found := a.first[at][c.Round]; found && first != markOf(c) {
		t.Errorf("two digests of one round were %s:\n%+v\n%+v", what, first, c)
	}
	a.first[at][c.Round] = markOf(c)
}

func (a *audit) signAndRecover(t failer, s *Signer, claims []dodona.Claim) error {
	t.Helper()
	signatures, err := s.Sign(context.Background(), claims...)
	if err != nil {
		if signatures != nil {
			t.Fatalf("signatures beside the error %v", err)
		}
		return err
	}
	if len(signatures) != len(claims) {
		t.Fatalf("%d signatures for %d claims", len(signatures), len(claims))
	}
	for i, c := range claims {
		if !signs(c) {
			if signatures[i] != nil {
				t.Errorf("a vote was signed: %x", signatures[i])
			}
			continue
		}
		got, err := secp.Recover(c.Digest, dodona.Signature(signatures[i]))
		if err != nil || got != a.signer {
			t.Errorf("signature %d: by %s, %v, want %s", i, got, err, a.signer)
		}
	}
	return nil
}

// check audits the disk: what is voted for rises, and every vote and signature is on record.
func (a *audit) check(t failer, d *disk) {
	t.Helper()
	d.land()
	d.mu.Lock()
	defer d.mu.Unlock()
	type deed struct {
		vote bool
		key  string
		mark mark
	}
	recorded := map[deed]bool{}
	for key, list := range d.keys {
		var before dodona.Round
		for _, r := range list {
			c, s, err := readStanding(r)
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			if s.lock.Round < before || votes(c) && !signs(c) && c.Round == before {
				t.Errorf("%s: round %d after %d", key, s.lock.Round, before)
			}
			before = s.lock.Round
			recorded[deed{true, key, s.lock}] = true
			if signed, found := s.signature(c.Round); found {
				recorded[deed{false, key, signed}] = true
			}
			if signs(c) { // of so old a round that it is not kept
				recorded[deed{false, key, markOf(c)}] = true
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.signed {
		key := filed(c.Type) + "." + c.Subject + "." + hex20(a.signer)
		if votes(c) && !recorded[deed{true, key, markOf(c)}] || signs(c) && !recorded[deed{false, key, markOf(c)}] {
			t.Errorf("signed or voted, but not on record: %+v", c)
		}
	}
}

// clock is the time of all tests.
var clock = time.UnixMilli(1_795_349_070_000)

func now() time.Time { return clock }

func newSigner(k *Key, l dodona.Keeper) *Signer { return New(Options{Key: k, Journal: l, Now: now}) }

func newTestKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// claimOf returns a claim of a subject at round; variant makes different digests.
func claimOf(kind, subject string, round dodona.Round, variant byte) dodona.Claim {
	c := dodona.Claim{
		Network: dodona.Keccak256([]byte("network")), Type: kind, Subject: subject, Round: round,
		Digest: dodona.Keccak256([]byte(filed(kind)), []byte(subject), []byte{byte(round), variant}),
	}
	if filed(kind) == "report" {
		c.Observed = dodona.Keccak256([]byte("observed"), c.Digest[:])
	}
	return c
}

// recordID is the id of a claim that says all that stands.
func recordID(c dodona.Claim) string { return idOf(c, appendClaim(nil, c)) }

// forget loses everything on the disk.
func (d *disk) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.keys)
	d.late = nil
}
