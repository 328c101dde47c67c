package explain_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
)

// signedBefore returns the bundle of a round in which the only number of each document was taken, whatever stood beside it.
func signedBefore(t *testing.T, coingecko string) dodona.Bundle {
	t.Helper()
	p := plantThatNeeds(t, 1, func(p *plant, _ *extract.Extraction, s *feed.Settings) {
		x, err := extract.New(extract.Rules{"coingecko": {"": {}}})
		if err != nil {
			t.Fatal(err)
		}
		s.From = []string{"coingecko"}
		p.due = func(dodona.Round) (dodona.Transform, json.RawMessage) { return x.Overlooking(), x.JSON() }
	})
	p.bodies = map[string]string{"coingecko": coingecko}
	b := p.observe(t, 0)
	p.attest(t, b)
	return carried(t, exported(t, p, b.Round))
}

func TestABundleFromBeforeAValueHadToBeCertainIsNotTakenForAForgery(t *testing.T) {
	for _, body := range []string{`{"error":"rate limit exceeded","code":429}`, `{"error":[],"price":43218.55}`, `{"a":null,"b":null,"c":[null,null,null],"z":5}`} {
		b := signedBefore(t, body)
		r := replayed(t, b)
		step, differs := r.Differs()
		if r.Same || !differs || step.Name != explain.StepPoints {
			t.Fatalf("%s: the bundle must differ from points on: %s", body, r)
		}
		if !strings.Contains(r.String(), "such a build may have made this bundle") || !strings.Contains(r.Before, "To tell, ask which build the node ran") {
			t.Errorf("%s: nothing says that a build from before may have made it: %s", body, r)
		}
	}
}

func TestABundleThatWasChangedIsExcusedByNoBuild(t *testing.T) {
	for name, change := range map[string]func(*dodona.Bundle){
		"a point":          func(b *dodona.Bundle) { b.Points[0].Value = dodona.Decimal{} },
		"the value":        func(b *dodona.Bundle) { v := dodona.NewInt192(1); b.Value = &v },
		"a reading":        func(b *dodona.Bundle) { b.Readings[0].Body = []byte(`{"error":"x","code":430}`) },
		"the signed value": func(b *dodona.Bundle) { b.Observation.Value = dodona.NewInt192(1) },
		"the signature":    func(b *dodona.Bundle) { b.Observation.Signature = dodona.Signature{} },
		"the version":      func(b *dodona.Bundle) { b.Origin.Version = dodona.Digest{1} },
	} {
		b := signedBefore(t, `{"error":"rate limit exceeded","code":429}`)
		change(&b)
		if r := replayed(t, b); r.Same || r.Before != "" {
			t.Errorf("%s: got %s", name, r)
		}
	}
	p, b := three(t)
	changed := carried(t, exported(t, p, b.Round))
	changed.Points[0].Value = dodona.Decimal{}
	if r := replayed(t, changed); r.Same || r.Before != "" {
		t.Errorf("rules with pointers: got %s", r)
	}
	if r := replayed(t, signedBefore(t, `{"t":5}`)); !r.Same || r.Before != "" {
		t.Errorf("what is certain: got %s", r)
	}
}
