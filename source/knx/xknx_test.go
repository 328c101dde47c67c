//go:build integration

package knx

import (
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// TestTypesAreWhatXKNXMakesOfThem compares with a second reading of the standard. It has floats and rounds, so
// that it agrees to six digits.
func TestTypesAreWhatXKNXMakesOfThem(t *testing.T) {
	out, err := exec.Command(peertest.Python(t), "testdata/decode.py").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	compared, unknown := 0, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var words [3]string
		copy(words[:], strings.Fields(line))
		dpt, value := words[0], words[1]
		want, err := strconv.ParseFloat(words[2], 64)
		if err != nil {
			t.Fatal(line)
		}
		if dpt == "13.002" {
			want /= 10_000 // the standard says so, xknx does not
		}
		if dpt == "17.001" {
			want-- // scenes are counted from 1 by those who show them, and from 0 by the standard
		}
		if _, err := formatOf(dpt); err != nil {
			unknown[dpt] = true
			continue
		}
		p := decoded(t, rule{Address: "1/2/3", DPT: dpt}, dodona.Reading{Item: "1/2/3", Body: frame(t, "1/2/3", value), Received: start})[0]
		if math.IsNaN(want) || math.IsInf(want, 0) || value == "7fff" && strings.HasPrefix(dpt, "9.") {
			if p.Quality != dodona.Bad {
				t.Errorf("%s of %s is %s, want that it is bad", value, dpt, p.Value)
			}
			continue
		}
		got, err := strconv.ParseFloat(p.Value.String(), 64)
		if near := max(math.Abs(want)*1e-6, 0.01); p.Quality != dodona.Good || err != nil || math.Abs(got-want) > near && !(isShare(dpt) && math.Abs(got-want) <= 0.5) {
			t.Errorf("%s of %s is %s %s, and xknx says %s", value, dpt, p.Value, p.Reason, words[2])
		}
		compared++
	}
	if compared < 1000 {
		t.Errorf("%d values of xknx were compared, want a thousand", compared)
	}
	t.Logf("%d values compared; not known here: %v", compared, unknown)
}

// isShare: xknx rounds what is a part of 255 to whole numbers.
func isShare(dpt string) bool { return dpt == "5.001" || dpt == "5.003" }
