package contracts_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

const vectorsFile = "../spec/vectors/evm.json"

// vectors is spec/vectors/evm.json: updates of feeds, good and adversarial, with what their contract says.
type vectors struct {
	About   []string       `json:"about"`
	Feeds   []feedVector   `json:"feeds"`
	Updates []updateVector `json:"updates"`
}

type (
	feedVector struct {
		Name        string        `json:"name"`
		Contract    string        `json:"contract"`
		Network     dodona.Digest `json:"network"`
		Quorum      dodona.Quorum `json:"quorum"`
		Feed        dodona.Feed   `json:"feed"`
		Constructor string        `json:"constructor"` // ABI, follows the bytecode
		Stored      string        `json:"stored"`      // the first update, which is good
		Time        uint64        `json:"time"`        // of the block, seconds
	}
	updateVector struct {
		Feed     int    `json:"feed"` // index into feeds
		Name     string `json:"name"`
		Calldata string `json:"calldata"`
		Accepted bool   `json:"accepted"`
		Error    string `json:"error,omitempty"` // "" where any will do
	}
)

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func buildVectors() (vectors, []speaker) {
	v := vectors{About: []string{
		"Updates of feeds as internal/calldata encodes them. The private keys are worth nothing.",
		"Deploy contract with constructor at a chain of the given time, send stored, then call with calldata: it must revert unless accepted.",
	}}
	all := speakers()
	list := []speaker{}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		list = append(list, s)
		quorum := s.quorum
		if s.single != nil {
			group := s.group()
			quorum = dodona.Quorum{Scheme: "frost", Members: []dodona.Address{}, Key: &group}
		}
		const stored = now - 1000
		v.Feeds = append(v.Feeds, feedVector{
			name, s.feedContract(), s.network.ID(), quorum, feedWords, hex0x(s.args(feedID)), hex0x(s.update(stored, dodona.NewInt192(5))), blockTime,
		})
		for _, value := range []string{"0", "1", "-1", "3123456789012345678901", "-3138550867693340381917894711603833208051177722232017256448"} {
			v.Updates = append(v.Updates, updateVector{i, "good: " + value, hex0x(s.update(now, mustInt(value))), true, ""})
		}
		v.Updates = append(v.Updates, updateVector{i, "good: 15 s ahead", hex0x(s.update(now+15_000, mustInt("1"))), true, ""},
			updateVector{i, "15.001 s ahead", hex0x(s.update(now+15_001, mustInt("1"))), false, "FutureRound(uint64)"})
		attacks := feedAttacks(s, stored, now)
		for _, how := range slices.Sorted(maps.Keys(attacks)) {
			v.Updates = append(v.Updates, updateVector{i, how, hex0x(attacks[how].data), false, attacks[how].want})
		}
	}
	return v, list
}

// TestVectors holds the file to Go, and Go and the contracts to the file.
func TestVectors(t *testing.T) {
	v, list := buildVectors()
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vectorsFile)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%s is not what this code computes, %v; if the change is meant, run: go test ./contracts -run TestVectors -update", vectorsFile, err)
	}
	v = vectors{}
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatal(err)
	}
	for i, f := range v.Feeds {
		m := newMachine(t, osaka(), f.Time)
		feed := m.deploy(t, f.Contract, unhex(t, f.Constructor))
		m.mustSend(t, feed, unhex(t, f.Stored))
		for _, u := range v.Updates {
			if u.Feed != i {
				continue
			}
			data := unhex(t, u.Calldata)
			_, err := m.call(feed, data)
			if (err == nil) != u.Accepted || (u.Error != "" && err.Error() != u.Error) {
				t.Errorf("%s: %s: the contract says %v, want accepted %v, %s", f.Name, u.Name, err, u.Accepted, u.Error)
			}
			if judge(list[i], data, now-1000, now) != u.Accepted {
				t.Errorf("%s: %s: Go says accepted %v", f.Name, u.Name, !u.Accepted)
			}
		}
	}
}
