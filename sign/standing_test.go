package sign

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"pgregory.net/rapid"
)

// TestVotesAndSignaturesAreTwoClaims tells stories of one feed: what is claimed, of which round, for which of two digests, and
// what the signer says. What was claimed is read from the ledger again before each claim in half of the runs, by a signer that knows nothing.
func TestVotesAndSignaturesAreTwoClaims(t *testing.T) {
	type step struct {
		kind    string
		round   dodona.Round
		variant byte
		want    error
	}
	conflict := dodona.ErrConflict
	for name, story := range map[string][]step{
		"a vote is a lock": {
			{"vote", 5, 0, nil}, {"vote", 5, 0, nil}, {"vote", 5, 1, conflict}, {"vote", 4, 0, ErrPassed}, {"vote", 6, 1, nil}, {"vote", 5, 0, ErrPassed},
		},
		"a signature needs no vote of its own": {
			{"signature", 5, 0, nil}, {"signature", 5, 0, nil}, {"signature", 5, 1, conflict},
		},
		"it is given whatever was voted": {
			{"vote", 5, 1, nil}, {"signature", 5, 0, nil}, {"vote", 6, 1, nil}, {"signature", 6, 1, nil}, {"signature", 4, 1, nil}, {"vote", 6, 0, conflict},
		},
		"after later votes and signatures": {
			{"vote", 5, 0, nil}, {"vote", 6, 0, nil}, {"signature", 6, 0, nil}, {"signature", 5, 0, nil}, {"signature", 5, 1, conflict}, {"signature", 6, 1, conflict},
		},
		"nobody votes against what he has signed": {
			{"vote", 4, 1, nil}, {"signature", 5, 0, nil}, {"vote", 5, 1, conflict}, {"vote", 5, 0, nil}, {"signature", 5, 1, conflict},
		},
		"four rounds are open": {
			{"signature", 10, 0, nil},
			{"signature", 9, 0, nil},
			{"signature", 7, 0, nil},
			{"signature", 8, 0, nil},
			{"signature", 7, 1, conflict},
			{"signature", 7, 0, nil},
			{"signature", 11, 0, nil},
			{"signature", 7, 0, ErrPassed},
			{"signature", 7, 1, ErrPassed},
			{"signature", 8, 1, conflict},
			{"signature", 6, 0, ErrPassed},
			{"signature", 11, 1, conflict},
		},
		"a fifth one below them is given once": {
			{"signature", 10, 0, nil},
			{"signature", 9, 0, nil},
			{"signature", 8, 0, nil},
			{"signature", 7, 0, nil},
			{"signature", 6, 0, nil},
			{"signature", 6, 1, ErrPassed},
			{"signature", 5, 0, ErrPassed},
			{"signature", 7, 1, conflict},
			{"signature", 7, 0, nil},
		},
		"a claim of before is both": {
			{"report", 5, 0, nil},
			{"vote", 5, 1, conflict},
			{"signature", 5, 1, conflict},
			{"vote", 4, 0, ErrPassed},
			{"signature", 4, 0, ErrPassed},
			{"vote", 5, 0, nil},
			{"signature", 5, 0, nil},
			{"vote", 6, 0, nil},
			{"signature", 5, 1, ErrPassed},
			{"signature", 6, 0, nil},
		},
		"both after a vote": {
			{"vote", 5, 0, nil}, {"report", 5, 1, conflict}, {"report", 4, 0, ErrPassed}, {"report", 5, 0, nil}, {"report", 5, 0, nil}, {"signature", 5, 1, conflict},
		},
		"both after a signature": {
			{"signature", 5, 0, nil}, {"report", 5, 1, conflict}, {"report", 5, 0, nil}, {"signature", 4, 0, ErrPassed}, {"report", 6, 1, nil},
		},
		"both below a signature": {
			{"signature", 6, 0, nil}, {"report", 5, 0, nil}, {"signature", 6, 1, conflict}, {"signature", 6, 0, nil}, {"report", 6, 1, conflict}, {"report", 6, 0, nil},
		},
	} {
		for _, anew := range []bool{false, true} {
			k, d := newTestKey(t), newDisk()
			a, s := newAudit(k), newSigner(k, d.process(nil))
			for i, c := range story {
				if anew {
					s = newSigner(k, d.process(nil))
				}
				if err, _ := a.sign(t, s, claimOf(c.kind, "f", c.round, c.variant)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("%s, from the ledger %t, step %d, %s %d: got %v, want %v", name, anew, i, c.kind, c.round, err, c.want)
				}
			}
			a.check(t, d)
			if len(d.keys) != 1 {
				t.Errorf("%s: keys %v, want one", name, d.keys)
			}
		}
	}
}

// TestRecordsOfVotesAndSignaturesSayWhatStands, in a body that an older version takes for a claim of another subject, so it
// signs nothing; what is a vote and a signature at once is filed as ever.
func TestRecordsOfVotesAndSignaturesSayWhatStands(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	s := newSigner(k, d.process(nil))
	claims := []dodona.Claim{
		claimOf("report", "f", 5, 0), claimOf("vote", "f", 6, 0), claimOf("signature", "f", 7, 0), claimOf("signature", "f", 6, 0),
		claimOf("vote", "f", 8, 0), claimOf("report", "f", 9, 0), claimOf("signature", "f", 10, 0), claimOf("report", "f", 10, 0),
	}
	if _, err := s.Sign(t.Context(), claims...); err != nil {
		t.Fatal(err)
	}
	list := d.keys["report.f."+hex20(k.Address())]
	if len(list) != len(claims) {
		t.Fatalf("%d records, want %d of one key", len(list), len(claims))
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	marks := func(at ...int) (m []mark) {
		for _, i := range at {
			m = append(m, markOf(claims[i]))
		}
		return m
	}
	for i, rest := range []string{
		`}`,
		`,"closed":5}`,
		`,"lock":` + text(marks(1)[0]) + `,"closed":5}`,
		`,"lock":` + text(marks(1)[0]) + `,"closed":5,"signed":` + text(marks(2)) + `}`,
		`,"closed":5,"signed":` + text(marks(3, 2)) + `}`,
		`}`,
		`,"lock":` + text(marks(5)[0]) + `,"closed":9}`,
		`}`,
	} {
		want := strings.TrimSuffix(text(claims[i]), "}") + rest
		if got := string(list[i].Body); got != want {
			t.Errorf("record %d:\n%s\nwant\n%s", i, got, want)
		}
	}
}

// TestWhatStandsIsReadAsItWasWritten: a process that starts knows of claims what the one before knew.
func TestWhatStandsIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s standing
		for range rapid.IntRange(1, 20).Draw(t, "claims") {
			c := claimOf(rapid.SampledFrom([]string{"report", "vote", "signature"}).Draw(t, "type"), "f",
				dodona.Round(rapid.IntRange(1, 12).Draw(t, "round")), rapid.ByteRange(0, 1).Draw(t, "variant"))
			again, err := s.judge(c)
			if err != nil || again {
				continue
			}
			s = s.with(c)
			body := appendEntry(nil, c, s)
			s.id = idOf(c, body)
			rec := dodona.Record{Topic: dodona.TopicClaim, ID: s.id, Body: body}
			read, found, err := readStanding(rec)
			if err != nil || read != c || !found.equals(s) || found.id != s.id {
				t.Fatalf("%s\nread as %+v\nwant    %+v, %v", body, found, s, err)
			}
			again, err = found.judge(c)
			if below := c.Round <= found.closed && !found.both; !below && (err != nil || !again) || below && !errors.Is(err, ErrPassed) && !again {
				t.Fatalf("%s: again %t, %v", body, again, err)
			}
			last := strings.LastIndex(string(body), `"0x`) + len(`"0x`)
			rec.Body = []byte(string(body[:last]) + map[bool]string{true: "1", false: "0"}[body[last] == '0'] + string(body[last+1:]))
			if _, _, err := readStanding(rec); !errors.Is(err, errMismatch) {
				t.Fatalf("altered: %v", err)
			}
		}
	})
}

// TestNothingThatStoodFallsWithTheLedger: a ledger that lost its disk, or has what another process claimed, binds no less than
// what this one knew, and the next record says all of it.
func TestNothingThatStoodFallsWithTheLedger(t *testing.T) {
	claim := func(kind string, round dodona.Round) dodona.Claim { return claimOf(kind, "f", round, 0) }
	knew := on("x", claim("vote", 6), claim("signature", 5), claim("signature", 6))
	for name, found := range map[string]standing{
		"nothing":              {},
		"older":                on("y", claim("vote", 5), claim("signature", 5)),
		"another vote":         on("y", claimOf("vote", "f", 6, 1)),
		"another signature":    on("y", claim("vote", 6), claimOf("signature", "f", 5, 1)),
		"one that is not kept": on("y", claim("report", 4)),
	} {
		all := knew.found(found)
		if !all.lost || all.id != found.id || all.lock != knew.lock || all.newest() != 6 {
			t.Errorf("%s: %+v", name, all)
		}
		for _, c := range []dodona.Claim{claimOf("signature", "f", 5, 1), claimOf("signature", "f", 6, 1), claimOf("vote", "f", 6, 1)} {
			if _, err := all.judge(c); !errors.Is(err, dodona.ErrConflict) {
				t.Errorf("%s: another %s of round %d: %v", name, c.Type, c.Round, err)
			}
		}
	}
	signed := on("x", claim("signature", 5))
	if again, err := signed.found(standing{}).judge(claim("signature", 5)); err != nil || !again {
		t.Errorf("what alone was signed, again: %t, %v", again, err)
	}
	five := on("x", claim("signature", 7), claim("signature", 8), claim("signature", 9), claim("signature", 10), claim("signature", 11))
	if s := five.found(on("y", claim("report", 5))).with(claim("report", 5)); s.closed != 7 {
		t.Errorf("a claim of another process, on record again: closed to %d, want 7", s.closed)
	}
	closed := on("x", claim("report", 10), claim("signature", 11)).found(on("y", claim("signature", 5), claim("signature", 6), claim("signature", 7), claim("signature", 8)))
	if closed.closed != 10 || len(closed.signed) != 1 {
		t.Errorf("four signatures of another process below a claim of this one: closed to %d with %d signed above, want 10 and 1", closed.closed, len(closed.signed))
	}
	more := on("y", claim("vote", 6), claim("signature", 5), claim("signature", 6), claim("signature", 4))
	if all := knew.found(more); all.lost || !all.equals(more) {
		t.Errorf("more than was known: %+v, want %+v", all, more)
	}
}

// TestWhatStandsIsNeverWrittenTo: two continuations of one standing do not see each other, and what they continue stays.
func TestWhatStandsIsNeverWrittenTo(t *testing.T) {
	before := on("x", claimOf("signature", "f", 5, 0), claimOf("signature", "f", 6, 0))
	before.signed = append(make([]mark, 0, 8), before.signed...) // room for more behind what there is
	was := slices.Clone(before.signed)
	seven, eight := before.with(claimOf("signature", "f", 7, 0)), before.with(claimOf("signature", "f", 8, 0))
	before.with(claimOf("signature", "f", 4, 0))
	if m, found := seven.signature(7); !found || m != markOf(claimOf("signature", "f", 7, 0)) {
		t.Errorf("round 7 is signed as %v, %t, once round 8 is signed after the same", m, found)
	}
	if _, found := eight.signature(8); !found || !slices.Equal(before.signed, was) {
		t.Errorf("%v became %v", was, before.signed)
	}
}

// TestWhatDiffersInAnythingIsNotEqual, so that what the ledger lost is put on record again.
func TestWhatDiffersInAnythingIsNotEqual(t *testing.T) {
	s := on("x", claimOf("vote", "f", 5, 0), claimOf("signature", "f", 6, 0))
	if !s.equals(s) {
		t.Error("a standing is not what it is")
	}
	for name, change := range map[string]func(*standing){
		"network": func(s *standing) { s.network[0] ^= 1 },
		"lock":    func(s *standing) { s.lock.Round++ },
		"both":    func(s *standing) { s.both = true },
		"closed":  func(s *standing) { s.closed++ },
		"signed":  func(s *standing) { s.signed = nil },
	} {
		other := s
		if change(&other); s.equals(other) {
			t.Errorf("another %s is equal", name)
		}
	}
}
