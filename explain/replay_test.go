package explain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func exported(t testing.TB, p *plant, r dodona.Round) dodona.Bundle {
	t.Helper()
	b, err := explain.Export(t.Context(), p, salts, btc, r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// carried writes the bundle as a file and reads it again.
func carried(t testing.TB, b dodona.Bundle) (again dodona.Bundle) {
	t.Helper()
	raw, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

func replayed(t testing.TB, b dodona.Bundle) explain.Replayed {
	t.Helper()
	r, err := explain.Replay(t.Context(), b, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnExportedBundleReplays(t *testing.T) {
	p, b := three(t)
	r := replayed(t, carried(t, exported(t, p, b.Round)))
	if !r.Same || r.Signer == nil || *r.Signer != p.key.Address() || r.Answer != "43,218.32500000 USD" || len(r.Steps) != 11 {
		t.Errorf("got %s", r)
	}
	golden(t, "replayed.txt", r.String())
}

func TestAMissedRoundReplays(t *testing.T) {
	p := newPlant(t)
	p.bodies = map[string]string{"kraken": "<html>busy</html>", "binance": `{"price":"1,5"}`}
	b := p.observe(t, 0)
	r := replayed(t, carried(t, exported(t, p, b.Round)))
	if !r.Same || r.Missed == "" || r.Signer != nil {
		t.Errorf("got %s", r)
	}
}

// TestABundleOfAVersionThatWroteNumbersOtherwiseReplays: reasons are compared, and how their numbers are written is no
// part of what they say.
func TestABundleOfAVersionThatWroteNumbersOtherwiseReplays(t *testing.T) {
	for _, b := range bundlesOfBefore(t) {
		if r := replayed(t, b); !r.Same {
			t.Errorf("the bundle of before is not the same: %s", r)
		}
	}
	for _, from := range []string{"43218.55", "10 %", "900 %"} {
		for i, b := range bundlesOfBefore(t) {
			was := b.Inputs[2].Reason
			b.Inputs[2].Reason = strings.Replace(was, from, "7"+from, 1)
			if r := replayed(t, b); r.Same {
				t.Errorf("bundle %d says %q where it was %q, and is the same", i, b.Inputs[2].Reason, was)
			}
		}
	}
	b := bundlesOfBefore(t)[1]
	b.Missed = strings.Replace(b.Missed, "need 3", "need 30", 1)
	if r := replayed(t, b); r.Same {
		t.Errorf("another reason of a missed round is the same: %s", r)
	}
}

// bundlesOfBefore returns an answered and a missed round whose reasons write numbers as nodes did before thousands were
// set apart.
func bundlesOfBefore(t *testing.T) (bundles []dodona.Bundle) {
	t.Helper()
	p, b := three(t)
	answered := carried(t, exported(t, p, b.Round))
	p = plantThatNeeds(t, 3)
	b = p.observe(t, 0)
	missed := carried(t, exported(t, p, b.Round))
	for _, b := range []dodona.Bundle{answered, missed} {
		for _, text := range []*string{&b.Inputs[2].Reason, &b.Missed} {
			*text = strings.NewReplacer("43,218.55000000", "43218.55", "43,218.10000000", "43218.1").Replace(*text)
		}
		if !strings.Contains(b.Inputs[2].Reason, "the median 43218.55,") {
			t.Fatalf("the reason is no longer such as it was: %q", b.Inputs[2].Reason)
		}
		bundles = append(bundles, b)
	}
	if !strings.Contains(missed.Missed, "kraken used: 43,218.1") {
		t.Fatalf("the missed round says %q", missed.Missed)
	}
	return bundles
}

func TestARoundWithoutSomeSourcesReplays(t *testing.T) {
	p := newPlant(t)
	delete(p.bodies, "coingecko")
	b := p.observe(t, 0)
	p.attest(t, b)
	if r := replayed(t, carried(t, exported(t, p, b.Round))); !r.Same {
		t.Errorf("got %s", r)
	}
}

func TestTamperingIsToldByStep(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*dodona.Bundle)
		first  string // the first step that differs
	}{
		"a reading's bytes": {func(b *dodona.Bundle) {
			b.Readings[0].Body = bytes.Replace(b.Readings[0].Body, []byte("43218"), []byte("43219"), 1)
		}, explain.StepReadings},
		"a reading's time":   {func(b *dodona.Bundle) { b.Readings[1].Received = b.Readings[1].Received.Add(1e9) }, explain.StepReadings},
		"a reading left out": {func(b *dodona.Bundle) { b.Readings = b.Readings[1:] }, explain.StepReadings},
		"a reading named anew": {func(b *dodona.Bundle) {
			b.Readings[0].Body = []byte(`{"price":7}`)
			b.Inputs[1].Readings[0].Digest, b.Inputs[1].Readings[0].Size = b.Readings[0].Digest(), len(b.Readings[0].Body)
		}, explain.StepRoot},
		"a reading's size elsewhere":   {func(b *dodona.Bundle) { b.Inputs[0].Readings[0].Size++ }, explain.StepReadings},
		"a reading's time elsewhere":   {func(b *dodona.Bundle) { b.Inputs[0].Readings[0].Received = time.Unix(1, 0) }, explain.StepReadings},
		"a reading's detail elsewhere": {func(b *dodona.Bundle) { b.Inputs[0].Readings[0].Detail = "x" }, explain.StepReadings},
		"a reading's item elsewhere":   {func(b *dodona.Bundle) { b.Inputs[0].Readings[0].Item = "x" }, explain.StepReadings},
		"an input's source":            {func(b *dodona.Bundle) { b.Inputs[0].Source = "x" }, explain.StepReadings},
		"a source without a reading": {func(b *dodona.Bundle) {
			b.Inputs[0].Source, b.Inputs[0].Readings = "x", nil
		}, explain.StepReadings},
		"a reading twice":        {func(b *dodona.Bundle) { b.Readings = append(b.Readings, b.Readings[0]) }, explain.StepReadings},
		"rules without outliers": {func(b *dodona.Bundle) { b.Rules = regexp.MustCompile(`"outliers":[^,}]*,`).ReplaceAll(b.Rules, nil) }, explain.StepRules},
		"a salt":                 {func(b *dodona.Bundle) { b.Inputs[0].Readings[0].Salt = &dodona.Digest{1} }, explain.StepRoot},
		"no salt":                {func(b *dodona.Bundle) { b.Inputs[0].Readings[0].Salt = nil }, explain.StepRoot},
		"the need":               {func(b *dodona.Bundle) { b.Rules = bytes.Replace(b.Rules, []byte(`"need":1`), []byte(`"need":2`), 1) }, explain.StepRules},
		"no rules":               {func(b *dodona.Bundle) { b.Rules = nil }, explain.StepRules},
		"foreign rules":          {func(b *dodona.Bundle) { b.Rules = json.RawMessage(`{"format":99}`) }, explain.StepRules},
		"the unit":               {func(b *dodona.Bundle) { b.Feed.Unit = "EUR" }, explain.StepFeed},
		"a point":                {func(b *dodona.Bundle) { b.Points[0].Value = dodona.Decimal{} }, explain.StepPoints},
		"fuel":                   {func(b *dodona.Bundle) { b.Fuel = 1 }, explain.StepPoints},
		"an outlier blessed":     {func(b *dodona.Bundle) { b.Inputs[2].Status = dodona.InputUsed }, explain.StepInputs},
		"the value":              {func(b *dodona.Bundle) { v := dodona.NewInt192(1); b.Value = &v }, explain.StepValue},
		"the quality":            {func(b *dodona.Bundle) { b.Quality = dodona.Good }, explain.StepValue},
		"the version":            {func(b *dodona.Bundle) { b.Origin.Version = dodona.Digest{1} }, explain.StepVersion},
		"the root":               {func(b *dodona.Bundle) { b.Origin.ReadingsRoot = dodona.Digest{1} }, explain.StepRoot},
		"the signed value":       {func(b *dodona.Bundle) { b.Observation.Value = dodona.NewInt192(1) }, explain.StepObservation},
		"the signature gone":     {func(b *dodona.Bundle) { b.Observation = nil }, explain.StepObservation},
		"the network gone":       {func(b *dodona.Bundle) { b.Network = nil }, explain.StepObservation},
		"another network":        {func(b *dodona.Bundle) { b.Network.Name = "mainland" }, explain.StepSigner},
		"another signer":         {func(b *dodona.Bundle) { b.Observation.Signer = dodona.Address{1} }, explain.StepSigner},
		"a broken signature":     {func(b *dodona.Bundle) { b.Observation.Signature = dodona.Signature{} }, explain.StepSigner},
		"the round":              {func(b *dodona.Bundle) { b.Round += 10_000 }, explain.StepObservation},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := three(t)
			tampered := carried(t, exported(t, p, b.Round))
			tampered.Rules, _ = json.Marshal(tampered.Rules)
			c.change(&tampered)
			r := replayed(t, tampered)
			step, differs := r.Differs()
			if r.Same || !differs || step.Name != c.first || step.Detail == "" {
				t.Errorf("got %s", r)
			}
		})
	}
}

func TestAnExportWithoutItsEvidenceSaysWhatIsMissing(t *testing.T) {
	for want, drop := range map[string]func(dodona.Record) bool{
		"of kraken are no longer kept": func(r dodona.Record) bool { return r.Topic == dodona.TopicReading && r.Key == "kraken" },
		"inputs and rules":             func(r dodona.Record) bool { return r.Topic == dodona.TopicRound },
	} {
		p, b := three(t)
		p.drop(drop)
		_, err := explain.Export(t.Context(), p, salts, btc, b.Round)
		if !errors.Is(err, dodona.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestAnExportNeedsTheSaltsOfTheRound: two processes have one journal, and each has a secret of its own.
func TestAnExportNeedsTheSaltsOfTheRound(t *testing.T) {
	p, b := three(t)
	_, err := explain.Export(t.Context(), p, func(dodona.FeedID, dodona.Round, int) dodona.Digest { return dodona.Digest{1} }, btc, b.Round)
	if !errors.Is(err, dodona.ErrNotFound) || !strings.Contains(err.Error(), `"gw-7"`) || !strings.Contains(err.Error(), "keys/salts") || !strings.Contains(err.Error(), "if that is this one") {
		t.Errorf("got %v", err)
	}
}

func TestTheJournalKeepsNoSalt(t *testing.T) {
	p, _ := three(t)
	for _, rec := range p.recs {
		if bytes.Contains(rec.Body, []byte(`"salt"`)) {
			t.Errorf("%s %s holds a salt", rec.Topic, rec.ID)
		}
	}
}

func FuzzReplay(f *testing.F) {
	p, b := three(f)
	raw, err := json.Marshal(exported(f, p, b.Round))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"rules":{},"inputs":[{"readings":[{}]}],"readings":[{},{}]}`))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		var b dodona.Bundle
		if json.Unmarshal(raw, &b) != nil {
			return
		}
		r, err := explain.Replay(t.Context(), b, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, differs := r.Differs(); differs == r.Same || r.String() == "" {
			t.Fatalf("got %+v", r)
		}
	})
}
