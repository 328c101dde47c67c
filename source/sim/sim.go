// Package sim observes a seeded walk: numbers that look alive, for demos and tests, and are the same for everybody
// who asks for the same seed and instant.
package sim

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "sim".
var Kind = source.NewPolled("sim", open)

// Settings say where the walk starts and how it goes.
type Settings struct {
	// Seed of the walk: the same seed gives the same values at the same instants, on every machine and after every restart. Default: 1.
	Seed uint64 `yaml:"seed,omitempty"`
	// Start is the value the walk wanders around, an exact decimal. Default: 100.
	Start dodona.Decimal `yaml:"start,omitempty"`
	// Step is about how far one value is from the one before it, an exact decimal above zero. The walk never strays
	// more than 152 steps from start. Default: 0.1.
	Step dodona.Decimal `yaml:"step,omitempty"`
	// Every is the time from one value to the next. Default: 1s.
	Every time.Duration `yaml:"every,omitempty"`
	// Decimals of the values; they are rounded half to even. At most 18. Default: 2.
	Decimals uint8 `yaml:"decimals"`
}

const maxDecimals = 18

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Seed = 1
	s.Start, _ = dodona.NewDecimal(big.NewInt(100), 0) // in range by construction
	s.Step, _ = dodona.NewDecimal(big.NewInt(1), 1)
	s.Every = time.Second
	s.Decimals = 2
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace { return source.Pace{Every: s.Every} }

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	var errs []error
	if s.Every < time.Millisecond {
		errs = append(errs, fmt.Errorf("every: %s: want at least 1ms", unit.FormatDuration(s.Every)))
	}
	if s.Step.Sign() <= 0 {
		errs = append(errs, fmt.Errorf("step: %s: want a number above zero", s.Step))
	}
	if s.Decimals > maxDecimals {
		errs = append(errs, fmt.Errorf("decimals: %d: want at most %d", s.Decimals, maxDecimals))
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	if _, err := s.Value(time.Unix(0, 0)); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// octaves is how many scales of change the walk is made of: the slowest takes 2^11 instants.
const octaves = 12

// amplitudes are how far each octave goes, in steps: 2^(octave/2), as those of a random walk grow.
var amplitudes = [octaves]int64{1, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45}

// fine is how many parts a step is cut into.
const fine = 1 << 12

// Value returns the walk's value at the instant of its grid at or before t. It depends on the settings and t alone,
// never on earlier values, so a restart goes on where the walk is. It fails with [dodona.ErrRange] beyond 192 bits.
func (s *Settings) Value(t time.Time) (dodona.Decimal, error) {
	n := s.tick(t)
	var parts int64 // of a step, each 1/fine
	for octave, amplitude := range amplitudes {
		period := int64(1) << octave
		at := n >> octave
		into := n - at<<octave // 0 ≤ into < period
		from, to := s.noise(octave, at), s.noise(octave, at+1)
		parts += amplitude * (from*(period-into) + to*into) / period
	}
	offset, err := dodona.NewDecimal(big.NewInt(parts), 0)
	if err != nil {
		return dodona.Decimal{}, err
	}
	if offset, err = offset.Mul(s.Step); err != nil {
		return dodona.Decimal{}, err
	}
	cut, err := dodona.NewDecimal(big.NewInt(fine), 0)
	if err != nil {
		return dodona.Decimal{}, err
	}
	if offset, err = offset.Quo(cut, maxDecimals+2); err != nil {
		return dodona.Decimal{}, err
	}
	sum, err := s.Start.Add(offset)
	if err != nil {
		return dodona.Decimal{}, err
	}
	scaled, err := sum.Rescale(s.Decimals)
	if err != nil {
		return dodona.Decimal{}, err
	}
	return scaled.Decimal(s.Decimals), nil
}

// noise returns the walk's random number at one point of one octave: −fine to fine.
func (s *Settings) noise(octave int, at int64) int64 {
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], s.Seed)
	binary.BigEndian.PutUint64(b[8:], uint64(octave))
	binary.BigEndian.PutUint64(b[16:], uint64(at))
	h := sha256.Sum256(b[:])
	return int64(binary.BigEndian.Uint64(h[:])%(2*fine+1)) - fine
}

func (s *Settings) tick(t time.Time) int64 {
	ms, every := t.UnixMilli(), s.Every.Milliseconds()
	n := ms / every
	if ms%every < 0 {
		n--
	}
	return n
}

// walk is an open source.
type walk struct {
	settings Settings
	env      source.Env
}

func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	return &walk{settings: s, env: env}, nil
}

// Observe returns the walk's value at this instant, as {"value": 43218.55}.
func (w *walk) Observe(ctx context.Context) (dodona.Batch, error) {
	if err := ctx.Err(); err != nil {
		return dodona.Batch{}, err
	}
	now := w.env.Now()
	value, err := w.settings.Value(now)
	if err != nil {
		return dodona.Batch{}, dodona.Permanent(fmt.Errorf("walk: %w", err))
	}
	at := time.UnixMilli(w.settings.tick(now) * w.settings.Every.Milliseconds()).UTC()
	return dodona.Batch{Readings: []dodona.Reading{{
		Source:      w.env.Source,
		Body:        []byte(`{"value":` + value.String() + `}`),
		ContentType: "application/json",
		SourceTime:  at,
		Received:    now,
		Detail:      fmt.Sprintf("sim seed %d at %s", w.settings.Seed, at.Format(time.RFC3339Nano)),
	}}}, nil
}

// Close does nothing.
func (w *walk) Close() error { return nil }
