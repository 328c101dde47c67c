//go:build integration

package modbus

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/registers"
)

// plant is a source of 1,000 registers of 20 units: 32-bit floats and scaled integers.
func plant(address string) Settings {
	points := map[string]Register{}
	for unit := 1; unit <= 20; unit++ {
		for n := range 50 {
			r := Register{Holding: at(3 * n), UnitID: at(unit), Format: registers.Format{Type: registers.Float32, Order: "CDAB"}}
			if n%2 == 1 {
				r.Format = registers.Format{Type: registers.Int16}
				r.Scale, _ = dodona.ParseDecimal("0.1") // digits
			}
			points[fmt.Sprintf("u%02d-%02d", unit, n)] = r
		}
	}
	return settings(points, func(s *Settings) { s.Address, s.Gap, s.Timeout = address, 5, 10*time.Second })
}

// used returns how long this process computed.
func used(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// exchangePlant reads and decodes all registers once.
func exchangePlant(t testing.TB, opened dodona.Source, transform dodona.Transform) {
	t.Helper()
	b, err := opened.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := transform.Apply(t.Context(), dodona.Call{Readings: b.Readings})
	if err != nil || len(r.Points) != 1000 || len(b.Readings) != 40 {
		t.Fatalf("%d readings, %d points, %v", len(b.Readings), len(r.Points), err)
	}
	for _, p := range r.Points {
		if p.Quality != dodona.Good {
			t.Fatalf("%+v", p)
		}
	}
}

// TestAThousandRegistersEachSecondTakeATwentiethOfACore measures the time that is computed, not the one that passes.
func TestAThousandRegistersEachSecondTakeATwentiethOfACore(t *testing.T) {
	racetest.Spare(t)
	port := peertest.Port(t)
	peertest.Start(t, libmodbus(t, port))
	s := plant(local(port))
	opened := open(t, s)
	transform, err := decoder(s.rules())
	if err != nil {
		t.Fatal(err)
	}
	exchangePlant(t, opened, transform)
	const times = 20
	before := used(t)
	for range times {
		exchangePlant(t, opened, transform)
	}
	each := (used(t) - before) / times
	t.Logf("%s each", each)
	if most := time.Second / 20; each > most {
		t.Errorf("an exchange of 1,000 registers takes %s of a core, want at most %s", each, most)
	}
}
