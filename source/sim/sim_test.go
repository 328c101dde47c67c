package sim

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

func settings(t *testing.T, change func(*Settings)) *Settings {
	t.Helper()
	s := Kind.Settings().(*Settings)
	if change != nil {
		change(s)
	}
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func decimal(t *testing.T, s string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func value(t *testing.T, s *Settings, at time.Time) dodona.Decimal {
	t.Helper()
	v, err := s.Value(at)
	if err != nil {
		t.Fatalf("value of seed %d at %s: %v", s.Seed, at, err)
	}
	return v
}

var begun = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestWalkIsTheSameForEverybodyAndAfterEveryRestart(t *testing.T) {
	// Fixed values: a change here changes every demo and every recorded session.
	s := settings(t, func(s *Settings) { s.Seed, s.Decimals = 7, 4 })
	var got []string
	for n := range 4 {
		got = append(got, value(t, s, begun.Add(time.Duration(n)*time.Second)).String())
	}
	if text, want := strings.Join(got, " "), "103.7234 103.8024 103.7367 103.839"; text != want {
		t.Errorf("seed 7 walks %s, want %s", text, want)
	}
	if a, b := value(t, s, begun), value(t, s, begun.Add(999*time.Millisecond)); a != b {
		t.Errorf("the value changed from %s to %s within one instant of the grid", a, b)
	}
	other := settings(t, func(s *Settings) { s.Seed, s.Decimals = 8, 4 })
	if a, b := value(t, s, begun), value(t, other, begun); a == b {
		t.Errorf("seeds 7 and 8 both give %s", a)
	}
}

func TestWalkStaysNearItsStartAndMovesInSteps(t *testing.T) {
	for seed := range uint64(20) {
		s := settings(t, func(s *Settings) {
			s.Seed, s.Start, s.Step, s.Decimals = seed, decimal(t, "43000"), decimal(t, "2.5"), 8
		})
		last, moved := value(t, s, begun), 0
		for n := 1; n < 3000; n++ {
			v := value(t, s, begun.Add(time.Duration(n)*time.Second))
			strayed, err := v.Sub(s.Start)
			if err != nil {
				t.Fatal(err)
			}
			if strayed, _ = strayed.Abs(); strayed.Cmp(decimal(t, "380")) > 0 { // 152 steps
				t.Fatalf("seed %d strays %s from its start", seed, strayed)
			}
			jump, err := v.Sub(last)
			if err != nil {
				t.Fatal(err)
			}
			if jump, _ = jump.Abs(); jump.Cmp(decimal(t, "17.5")) > 0 { // 7 steps
				t.Fatalf("seed %d jumps by %s", seed, jump)
			}
			if jump.Sign() != 0 {
				moved++
			}
			last = v
		}
		if moved < 2900 {
			t.Errorf("seed %d moved %d times of 2999", seed, moved)
		}
	}
}

func TestWalkWorksAtTheEdges(t *testing.T) {
	huge, err := dodona.NewDecimal(new(big.Int).Exp(big.NewInt(10), big.NewInt(57), nil), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := Kind.Settings().(*Settings)
	s.Start, s.Decimals = huge, 18
	if err := Kind.Check(s); err == nil || !strings.HasPrefix(err.Error(), "start: ") {
		t.Errorf("a start beyond 192 bits gave %v", err)
	}
	for _, at := range []time.Time{time.Unix(-1, 0), time.Unix(0, 0), time.UnixMilli(1 << 52)} {
		value(t, settings(t, func(s *Settings) { s.Every = time.Millisecond }), at)
	}
}

func TestObserveReturnsOneNumber(t *testing.T) {
	w, err := Kind.Open(t.Context(), settings(t, nil), source.Env{
		Source: "walk",
		Now:    func() time.Time { return begun.Add(250 * time.Millisecond) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Observe(t.Context())
	if err != nil || len(b.Readings) != 1 {
		t.Fatalf("Observe returned %v, %v, want one reading", b, err)
	}
	r := b.Readings[0]
	want := `{"value":` + value(t, settings(t, nil), begun).String() + `}`
	if string(r.Body) != want || !r.SourceTime.Equal(begun) || r.Received.Equal(begun) {
		t.Errorf("reading is %s of %s, want %s of %s", r.Body, r.SourceTime, want, begun)
	}
}

func TestCheckNamesTheSetting(t *testing.T) {
	for key, change := range map[string]func(*Settings){
		"every":    func(s *Settings) { s.Every = 0 },
		"step":     func(s *Settings) { s.Step = dodona.Decimal{} },
		"decimals": func(s *Settings) { s.Decimals = 19 },
	} {
		s := Kind.Settings().(*Settings)
		change(s)
		if err := Kind.Check(s); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("a wrong %s gave %v", key, err)
		}
	}
}
