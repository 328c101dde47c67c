package calldata

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

var someVotes = Proof{Votes: []Vote{
	{Index: 0, Signature: dodona.Signature{0: 1, 32: 0x7f, 64: 28}},
	{Index: 2, Signature: dodona.Signature{31: 9, 63: 1, 64: 27}},
}}

var someSchnorr = Proof{Schnorr: &Schnorr{R: dodona.Address{0: 1, 19: 2}, S: dodona.Digest{31: 7}}}

func values() []dodona.Int192 {
	list := []dodona.Int192{}
	for _, text := range []string{
		"0", "1", "-1", "3123456789012345678901", "-9223372036854775809",
		"3138550867693340381917894711603833208051177722232017256447", "-3138550867693340381917894711603833208051177722232017256448",
	} {
		v, err := dodona.ParseInt192(text)
		if err != nil {
			panic(err)
		}
		list = append(list, v)
	}
	return list
}

func TestFeedUpdatesReturnAsTheyWere(t *testing.T) {
	for _, value := range values() {
		for _, round := range []dodona.Round{0, 1, 1795349070000, math.MaxUint64} {
			for _, proof := range []Proof{someVotes, someSchnorr} {
				report := dodona.Report{Round: round, Value: value}
				data := Feed(report, proof)
				got, p, err := DecodeFeed(data)
				if err != nil || got != report || !bytes.Equal(p.Bytes(), proof.Bytes()) {
					t.Errorf("%x: got %+v, %+v, %v, want %+v", data, got, p, err, report)
				}
			}
		}
	}
}

// TestAFeedUpdateIsTheseBytes holds the layout to the letter.
func TestAFeedUpdateIsTheseBytes(t *testing.T) {
	got := Feed(dodona.Report{Round: 0x000001a2_00000304, Value: dodona.NewInt192(-2)}, someSchnorr)
	want := slices.Concat([]byte{0, 0, 1, 0xa2, 0, 0, 3, 4}, bytes.Repeat([]byte{255}, 23), []byte{254},
		[]byte{1}, make([]byte, 18), []byte{2}, make([]byte, 31), []byte{7})
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestDecodersRefuseEveryOtherEncoding(t *testing.T) {
	good := Feed(dodona.Report{Round: 5}, someVotes)
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	order0, half := order, halfOrder
	for name, data := range map[string][]byte{
		"empty":             {},
		"a word alone":      good[:32],
		"cut":               good[:len(good)-1],
		"padded":            append(bytes.Clone(good), 0),
		"unordered":         change(func(b []byte) []byte { b[32] = 3; return b }),
		"twice":             change(func(b []byte) []byte { b[32] = 2; return b }),
		"r is zero":         change(func(b []byte) []byte { clear(b[33:65]); return b }),
		"r is the order":    change(func(b []byte) []byte { copy(b[33:], order0[:]); return b }),
		"s is zero":         change(func(b []byte) []byte { clear(b[65:97]); return b }),
		"s is high":         change(func(b []byte) []byte { copy(b[65:], half[:]); b[96]++; return b }),
		"many votes":        append(bytes.Clone(good[:32]), make([]byte, 65*129)...),
		"schnorr R_e zero":  append(make([]byte, 32+20), bytes.Repeat([]byte{1}, 32)...),
		"schnorr s zero":    append(bytes.Repeat([]byte{1}, 32+20), make([]byte, 32)...),
		"schnorr s = order": append(bytes.Repeat([]byte{1}, 32+20), order0[:]...),
	} {
		if r, p, err := DecodeFeed(data); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: got %+v, %+v, %v, want ErrMessage", name, r, p, err)
		}
	}
	if _, _, err := DecodeFeed(change(func(b []byte) []byte { copy(b[65:], half[:]); return b })); err != nil {
		t.Errorf("s of half the order is low: %v", err)
	}
}

// votesOf returns the votes of the first n members.
func votesOf(n int) Proof {
	votes := make([]Vote, n)
	for i := range votes {
		votes[i] = Vote{Index: uint8(i), Signature: someVotes.Votes[0].Signature}
	}
	return Proof{Votes: votes}
}

func TestAProofHasAtMostAsManyVotesAsAQuorumHasMembers(t *testing.T) {
	for n, want := range map[int]bool{1: true, dodona.MaxMembers: true, dodona.MaxMembers + 1: false, 256: false} {
		_, proof, err := DecodeFeed(Feed(dodona.Report{Round: 5}, votesOf(n)))
		if (err == nil) != want || (want && len(proof.Votes) != n) {
			t.Errorf("%d votes: got %d, %v", n, len(proof.Votes), err)
		}
	}
}

func TestBatchesReturnAsTheyWere(t *testing.T) {
	for n := 1; n < 40; n++ {
		b := HubBatch{Layout: dodona.Digest{1}, Round: 1795349070000, Values: make([]int64, n)}
		for i := range b.Values {
			b.Values[i] = []int64{int64(i), -int64(i), NoAnswer, math.MaxInt64}[i%4]
		}
		page := Page(7<<8 | BatchWords(n))
		data, err := Batch(b, page, someVotes)
		if err != nil || len(data) != 32*page.Words()+PageSize+2*VoteSize {
			t.Fatalf("%d values: %d bytes, %v", n, len(data), err)
		}
		got, proof, err := DecodeBatch(data, page, b.Layout, n)
		if err != nil || got.Round != b.Round || !slices.Equal(got.Values, b.Values) || len(proof.Votes) != 2 {
			t.Errorf("%d values: got %+v, %+v, %v, want %+v", n, got, proof, err, b)
		}
		if _, err := Batch(b, page+1, someVotes); !errors.Is(err, ErrMessage) {
			t.Errorf("%d values on a page of %d words: %v", n, (page + 1).Words(), err)
		}
		if _, _, err := DecodeBatch(data, page+1<<8, b.Layout, n); !errors.Is(err, ErrMessage) {
			t.Errorf("%d values: another page is taken: %v", n, err)
		}
		if n%4 != 3 {
			data[32*page.Words()-1]++
			if _, _, err := DecodeBatch(data, page, b.Layout, n); !errors.Is(err, ErrMessage) {
				t.Errorf("%d values: something behind the last is taken: %v", n, err)
			}
		}
	}
}

func TestAnchorsReturnAsTheyWere(t *testing.T) {
	const period = 600_000
	a := dodona.Anchor{Root: dodona.Digest{1}, Previous: dodona.Digest{2}, From: 3 * period, To: 5 * period, Count: 5}
	data, err := Anchor(a, period, someSchnorr)
	if err != nil || len(data) != AnchorSize+SchnorrSize {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if got, proof, err := DecodeAnchor(data, period); err != nil || got != a || *proof.Schnorr != *someSchnorr.Schnorr {
		t.Errorf("got %+v, %+v, %v, want %+v", got, proof, err, a)
	}
	for _, bad := range [][]byte{nil, data[:AnchorSize], data[:len(data)-1], append(data, 0)} {
		if _, _, err := DecodeAnchor(bad, period); !errors.Is(err, ErrMessage) {
			t.Errorf("%d bytes: got %v", len(bad), err)
		}
	}
	for name, change := range map[string]func(a *dodona.Anchor){
		"off the grid":   func(a *dodona.Anchor) { a.To++ },
		"from off it":    func(a *dodona.Anchor) { a.From++ },
		"empty":          func(a *dodona.Anchor) { a.From = a.To },
		"backwards":      func(a *dodona.Anchor) { a.From = a.To + period },
		"too long":       func(a *dodona.Anchor) { a.To += 1 << 16 * period },
		"no leaves":      func(a *dodona.Anchor) { a.Count = 0 },
		"too many":       func(a *dodona.Anchor) { a.Count = 1 << 32 },
		"without a root": func(a *dodona.Anchor) { a.Root = dodona.Digest{} },
	} {
		broken := a
		change(&broken)
		if _, err := Anchor(broken, period, someSchnorr); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Anchor(a, 0, someSchnorr); !errors.Is(err, ErrMessage) {
		t.Errorf("no period: got %v", err)
	}
}

func TestPullsReturnAsTheyWere(t *testing.T) {
	update := Feed(dodona.Report{Round: 5}, someSchnorr)
	data := ReadAt(update, math.MaxUint64)
	got, round, err := DecodeReadAt(data)
	if err != nil || !bytes.Equal(got, update) || round != math.MaxUint64 {
		t.Errorf("got %x, %d, %v", got, round, err)
	}
	if _, _, err := DecodeReadLatest(data); !errors.Is(err, ErrMessage) {
		t.Errorf("readAt is taken for readLatest: %v", err)
	}
	for at := 4; at < len(data); at++ { // nothing but the round, the length within the padding, and the update may be changed
		if (at >= 4+56 && at < 4+64) || (at >= 4+95 && at < 4+96+len(update)) {
			continue
		}
		data[at] ^= 1
		if _, _, err := DecodeReadAt(data); !errors.Is(err, ErrMessage) {
			t.Errorf("byte %d changed: got %v", at, err)
		}
		data[at] ^= 1
	}
	for n := range len(data) {
		if _, _, err := DecodeReadAt(data[:n]); !errors.Is(err, ErrMessage) {
			t.Errorf("cut to %d bytes: got %v", n, err)
		}
	}
}

func TestVotesPicksKInOrder(t *testing.T) {
	q := dodona.Quorum{K: 2, Members: []dodona.Address{{1}, {2}, {3}}}
	sigs := []dodona.Signature{{1}, {3}, {9}}
	proof, err := Votes(q, []dodona.Address{{1}, {3}}, sigs[:2])
	if err != nil || len(proof.Votes) != 2 || proof.Votes[1] != (Vote{2, sigs[1]}) {
		t.Errorf("got %+v, %v", proof, err)
	}
	for name, signers := range map[string][]dodona.Address{
		"too few": {{1}}, "unordered": {{3}, {1}}, "twice": {{1}, {1}}, "a stranger": {{1}, {4}},
	} {
		if proof, err := Votes(q, signers, sigs[:len(signers)]); err == nil {
			t.Errorf("%s: got %+v", name, proof)
		}
	}
	many := make([]dodona.Address, 257)
	for i := range many {
		many[i] = dodona.Address{byte(i >> 8), byte(i)}
	}
	for last, want := range map[int]bool{255: true, 256: false} { // a place is a byte
		if _, err := Votes(dodona.Quorum{K: 1, Members: many}, many[last:last+1], sigs[:1]); (err == nil) != want {
			t.Errorf("member %d: %v", last, err)
		}
	}
	if _, err := Votes(q, []dodona.Address{{1}, {2}}, sigs); err == nil {
		t.Error("two signers of three signatures are taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Feed(dodona.Report{Round: 5}, someVotes))
	f.Add(Feed(dodona.Report{Round: 5, Value: dodona.NewInt192(-1)}, someSchnorr))
	anchor, _ := Anchor(dodona.Anchor{To: 1000, Count: 1, Root: dodona.Digest{1}}, 1000, someSchnorr)
	f.Add(anchor)
	f.Add(ReadAt(Feed(dodona.Report{Round: 5}, someSchnorr), 5))
	f.Add(ReadLatest(nil, 0))
	b := HubBatch{Round: 5, Values: []int64{1, 2, 3, 4}}
	data, _ := Batch(b, 2, someVotes)
	f.Add(data)
	fuzztest.Run(f, func(t *testing.T, data []byte) {
		check := func(name string, again []byte, err error) {
			if err == nil && !bytes.Equal(again, data) {
				t.Fatalf("%s: %x decodes and encodes to %x", name, data, again)
			}
		}
		r, proof, err := DecodeFeed(data)
		check("feed", Feed(r, proof), err)
		if a, proof, err := DecodeAnchor(data, 1000); err == nil {
			again, err := Anchor(a, 1000, proof)
			if err != nil {
				t.Fatal(err)
			}
			check("anchor", again, nil)
		}
		update, round, err := DecodeReadAt(data)
		check("readAt", ReadAt(update, round), err)
		update, age, err := DecodeReadLatest(data)
		check("readLatest", ReadLatest(update, age), err)
		if b, proof, err := DecodeBatch(data, 2, dodona.Digest{}, 4); err == nil {
			again, err := Batch(b, 2, proof)
			if err != nil {
				t.Fatal(err)
			}
			check("batch", again, nil)
		}
	})
}
