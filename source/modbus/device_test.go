package modbus

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/source"
)

// A strange device over TCP: register n has the value n.
type strange struct {
	most    int             // registers of one request; else it answers with refuses
	refuses byte            // an exception
	late    func(n int) int // how often the answer to the nth request is given, and whether at all
	asked   atomic.Int64
}

// answer is that to a request, as it stands on the wire with transaction 0.
func (d *strange) answer(request []byte) []byte {
	n := int(d.asked.Add(1))
	at, count := binary.BigEndian.Uint16(request[8:]), int(binary.BigEndian.Uint16(request[10:]))
	if count > d.most {
		return []byte{0, 0, 0, 0, 0, 3, request[6], request[7] | failure, d.refuses}
	}
	b := []byte{0, 0, 0, 0, 0, byte(3 + 2*count), request[6], request[7], byte(2 * count)}
	for i := range count {
		b = binary.BigEndian.AppendUint16(b, at+uint16(i))
	}
	times := 1
	if d.late != nil {
		times = d.late(n)
	}
	return []byte(strings.Repeat(string(b), times))
}

// settings of registers that stand together, or apart.
func (d *strange) settings(t *testing.T, registered, apart int) *Settings {
	t.Helper()
	s := Kind.Settings().(*Settings)
	s.Address, s.Timeout, s.Retries, s.AnyTransaction = answering(t, 0, d.answer), 300*time.Millisecond, 1, true
	s.Registers = map[string]Register{}
	for i := range registered {
		at := i * apart
		s.Registers["p"+strconv.Itoa(at)] = Register{Holding: &at, Format: registers.Format{Type: registers.Uint16}}
	}
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func opened(t *testing.T, s *Settings) dodona.Source {
	t.Helper()
	o, err := Kind.Open(t.Context(), s, source.Env{Source: "inverter", Now: time.Now, Dropped: func(uint64, string) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// values fails at a register with the value of another, and returns how many are good and bad.
func values(t *testing.T, readings []dodona.Reading) (good, bad int, why string) {
	t.Helper()
	for _, r := range readings {
		at, ok := spanOf(r.Item)
		if !ok {
			t.Fatalf("the item %s", r.Item)
		}
		if r.Quality == dodona.Bad {
			bad, why = bad+at.n, r.Detail
			continue
		}
		good += at.n
		for i := range at.n {
			if got := int(binary.BigEndian.Uint16(r.Body[2*i:])); got != at.at+i {
				t.Errorf("register %d is %d", at.at+i, got)
			}
		}
	}
	return good, bad, why
}

// TestADeviceThatRepeatsNoTransactionIsRead where that is set, and no late or second answer of it is taken for another's.
func TestADeviceThatRepeatsNoTransactionIsRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late func(n int) int
		all  bool
	}{
		"each once":       {func(int) int { return 1 }, true},
		"each twice":      {func(int) int { return 2 }, true},
		"now and then no": {func(n int) int { return min(n%3, 1) }, true},
		"never":           {func(int) int { return 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &strange{most: 125, late: c.late}
			o := opened(t, d.settings(t, 5, 10))
			for range 3 {
				b, err := o.Observe(t.Context())
				if !c.all {
					if err == nil || !strings.Contains(err.Error(), "no answer within the timeout") {
						t.Errorf("got %v", err)
					}
					continue
				}
				if good, bad, why := values(t, b.Readings); err != nil || good != 5 || bad != 0 {
					t.Errorf("%d are good and %d bad: %s; %v", good, bad, why, err)
				}
			}
		})
	}
}

func TestAnyTransactionIsOfTCPAlone(t *testing.T) {
	t.Parallel()
	s := (&strange{}).settings(t, 1, 1)
	s.Framing = RTU
	if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), "any_transaction: only at an address, with framing tcp") {
		t.Errorf("got %v", err)
	}
}

// TestADeviceThatFailsAtLongRequestsIsAskedForLess, whatever exception it has for them, and for all at once if it fails at short ones too.
func TestADeviceThatFailsAtLongRequestsIsAskedForLess(t *testing.T) {
	t.Parallel()
	for _, code := range []byte{1, 2, 3, 4} {
		d := &strange{most: 10, refuses: code}
		o := opened(t, d.settings(t, 30, 1))
		for n := range 2 {
			before := d.asked.Load()
			b, err := o.Observe(t.Context())
			if good, bad, why := values(t, b.Readings); err != nil || good != 30 || bad != 0 {
				t.Errorf("exception %d: %d are good and %d bad: %s; %v", code, good, bad, why, err)
			}
			if asked := d.asked.Load() - before; n == 1 && asked != 4 {
				t.Errorf("exception %d: %d requests for what 4 are enough for, so it was not remembered", code, asked)
			}
		}
	}
	d := &strange{most: 0, refuses: 4}
	o := opened(t, d.settings(t, 30, 1))
	for n, want := range []int64{2, 1, 1} {
		before := d.asked.Load()
		b, err := o.Observe(t.Context())
		if _, bad, why := values(t, b.Readings); err != nil || bad != 30 || !strings.Contains(why, "exception 4: the device failed") || !strings.Contains(why, "set one_by_one") {
			t.Errorf("%d are bad: %s; %v", bad, why, err)
		}
		if asked := d.asked.Load() - before; asked != want {
			t.Errorf("exchange %d of a device that fails has %d requests, want %d", n, asked, want)
		}
	}
}

// TestAnAnswerOfAnotherLengthIsToldInWords, since nobody reads it in bytes.
func TestAnAnswerOfAnotherLengthIsToldInWords(t *testing.T) {
	t.Parallel()
	for came, want := range map[string]string{
		"\x03\x02\x00":                     "it announces 2 bytes, and 1 came",
		"\x03\x02\x00\x01":                 "it has 2 bytes, and 3 registers are 6",
		"\x04\x06\x00\x01\x00\x01\x00\x01": "it is of function 4, and 3 was asked for",
		"\x03":                             "it is empty",
		"\x83\x02\x00":                     "an exception has one byte, and it has 2",
	} {
		if _, err := three.data([]byte(came)); err == nil {
			t.Errorf("% x is an answer", came)
		}
		if got := three.differs([]byte(came)); got != want {
			t.Errorf("% x: %s; want %s", came, got, want)
		}
	}
}

// TestAScanSaysWhatRefusesAll: a unit that there is not, to many gateways, fails.
func TestAScanSaysWhatRefusesAll(t *testing.T) {
	t.Parallel()
	s := (&strange{refuses: 4}).settings(t, 1, 1)
	_, err := scan(t.Context(), *s, source.Range{To: 3}, source.Env{Source: "inverter", Now: time.Now, Dropped: func(uint64, string) {}}, func(f source.Found) error { t.Errorf("found %s", f.Name); return nil })
	if err == nil || !strings.Contains(err.Error(), "nothing was found: unit 1 answers exception 4: the device failed; is it another unit (unit=N)") {
		t.Errorf("got %v", err)
	}
}
