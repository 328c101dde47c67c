package calldata

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// TestEveryErrorOfTheContractsIsKnown reads what the compiler says of the contracts' errors, so that the list cannot fall behind.
func TestEveryErrorOfTheContractsIsKnown(t *testing.T) {
	files, err := filepath.Glob("../../contracts/artifacts/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("artifacts: %v, %v", files, err)
	}
	var declared []string
	for _, r := range refusals {
		declared = append(declared, r.declaration)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var artifact struct {
			ABI []struct {
				Type, Name string
				Inputs     []struct{ Type string }
			}
		}
		if err := json.Unmarshal(text, &artifact); err != nil {
			t.Fatal(err)
		}
		for _, entry := range artifact.ABI {
			if entry.Type != "error" {
				continue
			}
			found++
			types := make([]string, len(entry.Inputs))
			for i, in := range entry.Inputs {
				types[i] = in.Type
			}
			if d := entry.Name + "(" + strings.Join(types, ",") + ")"; !slices.Contains(declared, d) {
				t.Errorf("%s: the error %s is not known", filepath.Base(file), d)
			}
		}
	}
	for _, r := range refusals {
		if solidity := r.declaration == "Error(string)" || r.declaration == "Panic(uint256)"; !solidity && (r.means == "" || r.cure == "") {
			t.Errorf("%s: it means %q, and what to do is %q", r.declaration, r.means, r.cure)
		}
	}
	if found < 10 {
		t.Fatalf("%d errors in the artifacts", found)
	}
}

func TestRefusalsAreRead(t *testing.T) {
	with := func(declaration string, words ...uint64) []byte {
		s := selector(declaration)
		data := s[:]
		for _, w := range words {
			data = binary.BigEndian.AppendUint64(append(data, make([]byte, 24)...), w)
		}
		return data
	}
	text := func(size uint64, s string) []byte { return append(with("Error(string)", 32, size), s...) }
	for _, c := range []struct {
		data     []byte
		name     string
		argument uint64
		says     string
	}{
		{with("FutureRound(uint64)", 1795349070000), "FutureRound", 1795349070000, "FutureRound(1795349070000): the round is more than 15 s ahead of the block's clock; set the node's clock, or wait for a block of now"},
		{with("BadProof()"), "BadProof", 0, "BadProof: the signatures are not those of the contract's quorum, for its network and feed; name the contract of this network and feed, or deploy one (`dodona contract show ADDRESS` says whose it is)"},
		{with("FutureRound(uint64)"), "FutureRound", 0, "FutureRound: the round is more than 15 s ahead of the block's clock; set the node's clock, or wait for a block of now"},
		{with("Panic(uint256)", 0x11), "Panic", 0x11, "Panic(0x11): a number is out of its range"},
		{with("Panic(uint256)", 0x99), "Panic", 0x99, "Panic(0x99): the contract's code failed"},
		{with("Panic(uint256)"), "Panic", 0, "Panic: the contract's code failed"},
		{text(3, "no!\x1b[2J"), "Error", 0, `Error("no!")`},
		{text(1<<63, "a\x1bb"), "Error", 0, `Error("a.b")`},
		{with("Error(string)"), "Error", 0, "Error: cut short"},
		{[]byte{1, 2, 3, 4, 5}, "", 0, "an error that is none of Dodona's contracts, 0x0102030405"},
		{bytes.Repeat([]byte{7}, 5000), "", 0, "an error that is none of Dodona's contracts, 0x" + strings.Repeat("07", 68) + "… of 5000 bytes"},
		{[]byte{1}, "", 0, "a reason that is no error's, 0x01"},
		{nil, "", 0, "it gives no reason"},
	} {
		r := ParseRefusal(c.data)
		if r.Name != c.name || r.Argument != c.argument || r.String() != c.says {
			t.Errorf("%x: got %q %d %q, want %q %d %q", c.data, r.Name, r.Argument, r, c.name, c.argument, c.says)
		}
	}
}

func FuzzParseRefusal(f *testing.F) {
	f.Add([]byte{8, 0xc3, 0x79, 0xa0})
	fuzztest.Run(f, func(t *testing.T, data []byte) {
		if s := ParseRefusal(data).String(); s == "" || len(s) > 600 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || (r > 0x7e && r != '…') }) {
			t.Errorf("%x: %q", data, s)
		}
	})
}
