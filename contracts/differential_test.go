package contracts_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/verify"
)

var (
	cases = flag.Int("cases", 6000, "mutated updates that Go and the contracts judge; make differential runs 120000")
	seed  = flag.Uint64("seed", 1, "of the mutations")
)

// A verdict of Go on an update: what a contract with this slot and clock should say.
func judge(s speaker, data []byte, stored, now dodona.Round) bool {
	report, proof, err := calldata.DecodeFeed(data)
	if err != nil || report.Round <= stored || report.Round > now+15_000 {
		return false
	}
	report.Feed = feedID
	network := s.network.ID()
	if s.single != nil {
		return proof.Schnorr != nil && secp.VerifyOnChain(s.group(), report.Digest(network), proof.Schnorr.R, proof.Schnorr.S) == nil
	}
	if len(proof.Votes) != s.quorum.K {
		return false
	}
	answer := dodona.Answer{Network: s.network, Quorum: s.quorum, Feed: feedWords, Attestation: dodona.Attestation{Report: report}}
	for _, v := range proof.Votes {
		answer.Attestation.Signatures = append(answer.Attestation.Signatures, v.Signature)
	}
	verdict := verify.Attestation(answer, verify.Expect{NetworkID: &network})
	if !verdict.Valid {
		return false
	}
	for i, v := range proof.Votes {
		if int(v.Index) >= len(s.quorum.Members) || s.quorum.Members[v.Index] != verdict.Signers[i] {
			return false
		}
	}
	return true
}

// mutate changes data in one of the ways in which encodings and signatures go wrong, or not at all.
func mutate(r *rand.Rand, s speaker, data []byte) []byte {
	data = bytes.Clone(data)
	place := func(size int) int { return r.IntN(max(1, len(data)/size)) * size }
	switch r.IntN(14) {
	case 0:
		return data
	case 1, 2, 3: // a bit
		data[r.IntN(len(data))] ^= 1 << r.IntN(8)
	case 4: // a byte of the proof
		data[32+r.IntN(len(data)-32)] = byte(r.Uint32())
	case 5:
		return data[:r.IntN(len(data))]
	case 6:
		return append(data, make([]byte, 1+r.IntN(70))...)
	case 7: // votes of the same bytes
		if len(data) >= 162 {
			copy(data[97:162], data[32:97])
		}
	case 8: // votes in another order
		if len(data) >= 162 {
			for i := range 65 {
				data[32+i], data[97+i] = data[97+i], data[32+i]
			}
		}
	case 9: // a word at the edge of its range
		edges := [][]byte{make([]byte, 32), bytes.Repeat([]byte{255}, 32), order.FillBytes(make([]byte, 32)), halfOrder.FillBytes(make([]byte, 32))}
		copy(data[min(len(data)-1, 32+r.IntN(len(data)-32)):], edges[r.IntN(4)])
	case 10: // the round
		copy(data[:8], data[8:16])
	case 11:
		clear(data[place(4):][:4])
	case 12: // an index
		data[min(len(data)-1, 32+65*r.IntN(3))] = byte(r.IntN(6))
	case 13: // another network's
		s.network.Name = "other"
		return s.update(now, dodona.NewInt192(int64(r.Uint64())))
	}
	return data
}

// TestGoAndTheContractsJudgeAlike compares verify and internal/calldata with the compiled contracts.
func TestGoAndTheContractsJudgeAlike(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	r := rand.New(rand.NewPCG(*seed, 0))
	all := []speaker{schnorrSpeaker(1), schnorrSpeaker(2), ecdsaSpeaker(1, 1), ecdsaSpeaker(2, 2), ecdsaSpeaker(3, 4)}
	const stored = now - 60_000
	m := newMachine(t, osaka(), blockTime)
	feeds := []common.Address{}
	pool := [][][]byte{} // of signed updates, because signing is slow
	for _, s := range all {
		feeds = append(feeds, s.deployFeed(t, m))
		m.mustSend(t, feeds[len(feeds)-1], s.update(stored, dodona.NewInt192(1)))
		updates := [][]byte{}
		for _, round := range []dodona.Round{now, now - 1, now + 15_000, now + 15_001, stored, stored + 1, stored - 1} {
			for _, text := range []string{"0", "-1", "3123456789012345678901", "-3138550867693340381917894711603833208051177722232017256448"} {
				updates = append(updates, s.update(round, mustInt(text)))
			}
		}
		pool = append(pool, updates)
	}
	good := 0
	for i := range *cases {
		which := i % len(all)
		s := all[which]
		data := mutate(r, s, pool[which][r.IntN(len(pool[which]))])
		want := judge(s, data, stored, now)
		_, err := m.call(feeds[which], data)
		if got := err == nil; got != want {
			t.Fatalf("case %d of seed %d: %x: the contract says %v (%v), Go %v", i, *seed, data, got, err, want)
		}
		if want {
			good++
		}
	}
	t.Logf("%d cases, %d of them good", *cases, good)
	if good < *cases/50 || good > *cases/2 {
		t.Errorf("%d of %d cases are good: the mutations say little", good, *cases)
	}
}
