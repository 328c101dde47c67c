package sign

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/dodona-oracle/dodona"
)

// A claim votes, and so binds what its key may vote for later, unless it is of the type signature; and it is signed, once a
// round, unless it is of the type vote. Where a vote alone makes the quorum, one claim does both.
func votes(c dodona.Claim) bool { return c.Type != dodona.ClaimSignature }
func signs(c dodona.Claim) bool { return c.Type != dodona.ClaimVote }

// filed returns the type under which claims of a type are filed: votes and signatures are about reports, and lie beside the
// claims that do both, so that one guard keeps all of them in order.
func filed(kind string) string {
	if kind == dodona.ClaimVote || kind == dodona.ClaimSignature {
		return dodona.ClaimReport
	}
	return kind
}

// A mark is what was claimed of a round.
type mark struct {
	Round    dodona.Round  `json:"round"`
	Digest   dodona.Digest `json:"digest"`
	Observed dodona.Digest `json:"observed"`
}

func markOf(c dodona.Claim) mark { return mark{c.Round, c.Digest, c.Observed} }

// mostOpen is how many rounds of a feed can be open at once, from 500 ms before to three intervals after their instants, where
// an interval is a second at least. A signature of a round is asked for while it is open.
const mostOpen = 4

// A standing is all that a key of claims binds its signer to, which its newest record says; zero if there is none.
type standing struct {
	network dodona.Digest // of the newest claim
	lock    mark          // the highest vote
	both    bool          // the newest claim is the lock, and was signed
	closed  dodona.Round  // no round up to it is signed any more, but for the lock if that was signed
	signed  []mark        // of rounds above, ascending, mostOpen at most; never written to

	id   string // of the record; none: there is no record
	lost bool   // the ledger no longer has all of it, but what the record of that id says
}

// newest returns the highest round that was claimed.
func (s standing) newest() dodona.Round {
	newest := max(s.lock.Round, s.closed)
	if n := len(s.signed); n > 0 {
		newest = max(newest, s.signed[n-1].Round)
	}
	return newest
}

// signature returns what was signed of a round, as far as that is known.
func (s standing) signature(r dodona.Round) (mark, bool) {
	if s.both && s.lock.Round == r {
		return s.lock, true
	}
	i, found := slices.BinarySearchFunc(s.signed, r, func(m mark, r dodona.Round) int { return cmp.Compare(m.Round, r) })
	if !found {
		return mark{}, false
	}
	return s.signed[i], true
}

// judge is the rule: a vote for a higher round, or for the same one with the same digests; a signature of a round once, whatever
// was voted. again says that the claim is on record.
func (s standing) judge(c dodona.Claim) (again bool, err error) {
	again = true
	if votes(c) {
		if again, err = s.judgeVote(c); err != nil {
			return false, err
		}
	}
	if signs(c) {
		signed, err := s.judgeSignature(c)
		return again && signed, err
	}
	return again, nil
}

func (s standing) judgeVote(c dodona.Claim) (again bool, err error) {
	switch {
	case c.Round < s.lock.Round:
		return false, fmt.Errorf("%w: %s", ErrPassed, s.lock.Round)
	case c.Round == s.lock.Round:
		return true, s.same(c, s.lock)
	}
	// What k members voted for, and this one signed, is all that can become of the round.
	if signed, found := s.signature(c.Round); found {
		return false, s.same(c, signed)
	}
	return false, nil
}

func (s standing) judgeSignature(c dodona.Claim) (again bool, err error) {
	if signed, found := s.signature(c.Round); found {
		return true, s.same(c, signed)
	}
	if c.Round <= s.closed {
		return false, fmt.Errorf("%w: %s", ErrPassed, s.newest())
	}
	return false, nil
}

// same returns an error unless the claim is that of the same round on record.
func (s standing) same(c dodona.Claim, m mark) error {
	switch {
	case c.Network != s.network:
		return fmt.Errorf("%w: for the network %s", ErrPassed, s.network.Short())
	case markOf(c) == m:
		return nil
	case c.Digest == m.Digest:
		return fmt.Errorf("observed %s %w: %s", c.Observed.Short(), dodona.ErrConflict, m.Observed.Short())
	}
	return fmt.Errorf("digest %s %w: %s", c.Digest.Short(), dodona.ErrConflict, m.Digest.Short())
}

// with returns what stands once c, which may be claimed, is on record, without the record.
func (s standing) with(c dodona.Claim) standing {
	s.network, s.both, s.id, s.lost = c.Network, votes(c) && signs(c), "", false
	m := markOf(c)
	if votes(c) {
		s.lock = m
	}
	switch {
	case s.both:
		s.closed = max(s.closed, m.Round)
	case signs(c):
		s.signed = append(slices.Clone(s.signed), m)
	}
	return s.tidy()
}

// tidy sorts what was signed and keeps the latest rounds of it.
func (s standing) tidy() standing {
	if len(s.signed) == 0 {
		return s
	}
	slices.SortStableFunc(s.signed, func(a, b mark) int { return cmp.Compare(a.Round, b.Round) })
	s.signed = slices.CompactFunc(s.signed, func(a, b mark) bool { return a.Round == b.Round })
	if excess := len(s.signed) - mostOpen; excess > 0 {
		s.closed = max(s.closed, s.signed[excess-1].Round)
	}
	for len(s.signed) > 0 && s.signed[0].Round <= s.closed {
		s.signed = s.signed[1:]
	}
	return s
}

// found returns what stands once the ledger has shown its newest record. Nothing that stood falls while its process lives: a ledger
// that lost its disk has less than was signed, or what somebody claimed who did not know of it.
func (s standing) found(f standing) standing {
	all := f
	all.network = cmp.Or(f.network, s.network)
	if f.lock.Round < s.lock.Round || f.lock.Round == s.lock.Round && f.lock != s.lock {
		all.network, all.lock, all.both = s.network, s.lock, s.both
	}
	all.closed = max(s.closed, f.closed)
	all.signed = slices.Concat(s.signed, f.signed) // of one round, what this process knows comes first, and stays
	all = all.tidy()
	all.lost = !all.equals(f)
	return all
}

// equals compares all but the record.
func (s standing) equals(t standing) bool {
	return s.network == t.network && s.lock == t.lock && s.both == t.both && s.closed == t.closed && slices.Equal(s.signed, t.signed)
}

// An entry is the body of a claim's record: the claim, and of what it does not say itself, what else stands.
type entry struct {
	dodona.Claim
	Lock   mark         `json:"lock"`   // of a signature: the highest vote
	Closed dodona.Round `json:"closed"` // of a vote or a signature
	Signed []mark       `json:"signed"` // of other rounds
}

// appendEntry writes a claim, after which s stands, as encoding/json would an entry without what is zero; names need no escapes.
func appendEntry(b []byte, c dodona.Claim, s standing) []byte {
	b = appendClaim(b, c)
	b = b[:len(b)-1]
	if !votes(c) && s.lock != (mark{}) {
		b = appendMark(append(b, `,"lock":`...), s.lock)
	}
	if !s.both && s.closed > 0 {
		b = strconv.AppendUint(append(b, `,"closed":`...), uint64(s.closed), 10)
	}
	before := `,"signed":[`
	for _, m := range s.signed {
		if votes(c) || m.Round != c.Round {
			b = appendMark(append(b, before...), m)
			before = ","
		}
	}
	if before == "," {
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendMark(b []byte, m mark) []byte {
	b = strconv.AppendUint(append(b, `{"round":`...), uint64(m.Round), 10)
	b = hex.AppendEncode(append(b, `,"digest":"0x`...), m.Digest[:])
	b = hex.AppendEncode(append(b, `","observed":"0x`...), m.Observed[:])
	return append(b, `"}`...)
}

// appendClaim writes c as encoding/json would; names need no escapes.
func appendClaim(b []byte, c dodona.Claim) []byte {
	if b == nil {
		b = make([]byte, 0, 320+len(c.Type)+len(c.Subject))
	}
	b = hex.AppendEncode(append(b, `{"network":"0x`...), c.Network[:])
	b = append(append(b, `","type":"`...), c.Type...)
	b = append(append(b, `","subject":"`...), c.Subject...)
	b = strconv.AppendUint(append(b, `","round":`...), uint64(c.Round), 10)
	b = hex.AppendEncode(append(b, `,"digest":"0x`...), c.Digest[:])
	b = hex.AppendEncode(append(b, `","observed":"0x`...), c.Observed[:])
	return append(b, `"}`...)
}

// idOf is "<round>-<keccak256 of the body>", 64 hex digits: two records that differ in anything have two ids.
func idOf(c dodona.Claim, body []byte) string { return roundAnd(c, dodona.Keccak256(body)) }

// formerID is the id of a claim in records that cover its digest alone. Such a record may be the newest of a key.
func formerID(c dodona.Claim) string { return roundAnd(c, c.Digest) }

func roundAnd(c dodona.Claim, d dodona.Digest) string {
	b := make([]byte, 0, 20+1+64)
	b = strconv.AppendUint(b, uint64(c.Round), 10)
	return string(hex.AppendEncode(append(b, '-'), d[:]))
}

var errMismatch = errors.New("does not match its body")

// readStanding reads what stands after a record, and its claim.
func readStanding(rec dodona.Record) (dodona.Claim, standing, error) {
	var e entry
	if err := json.Unmarshal(rec.Body, &e); err != nil {
		return e.Claim, standing{}, err
	}
	s := standing{lock: e.Lock, closed: e.Closed, signed: e.Signed}.with(e.Claim)
	s.id = rec.ID
	former := rec.ID == formerID(e.Claim) && s.both && len(s.signed) == 0
	if e.Round == 0 || !former && rec.ID != idOf(e.Claim, appendEntry(nil, e.Claim, s)) {
		return e.Claim, standing{}, errMismatch
	}
	return e.Claim, s, nil
}
