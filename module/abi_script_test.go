package module

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// The guests core, capability and wasi of testdata/abi call host functions as a script says, so that tests are written
// here and not in text forms. These are the places in their memory.
const (
	scriptAt   = 4096
	scriptCall = 80    // bytes of one call
	dataAt     = 45056 // where the script's data begins in memory
	resultsAt  = 65536
	outAt      = 67584 // where host functions may write so that the test sees it; 2,048 bytes
	memoryEnd  = 131072
)

// A script is what a guest will call.
type script struct {
	t     testing.TB
	guest string
	index map[string]uint32
	body  []byte
	calls uint32
	data  []byte
	code  int32
}

func abiGuest(t testing.TB, name string) Spec {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "abi", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: name, Version: "1.2.3", Wasm: b, Host: abi.Host{Number: extract.Number}}
}

func newScript(t testing.TB, guest string) *script {
	t.Helper()
	parsed, err := wasm.Parse(abiGuest(t, guest).Wasm)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, guest: guest, index: map[string]uint32{}}
	for i, imported := range parsed.Imports {
		s.index[imported.Name] = uint32(i)
	}
	return s
}

// call adds a call and returns the place of its result.
func (s *script) call(name string, args ...int64) int {
	s.t.Helper()
	index, found := s.index[name]
	if !found || len(args) > 9 {
		s.t.Fatalf("guest %s cannot call %s with %d arguments", s.guest, name, len(args))
	}
	record := binary.LittleEndian.AppendUint64(nil, uint64(index))
	for _, a := range args {
		record = binary.LittleEndian.AppendUint64(record, uint64(a))
	}
	s.body = append(s.body, append(record, make([]byte, scriptCall-len(record))...)...)
	s.calls++
	return int(s.calls - 1)
}

// put places bytes in the guest's memory and returns where.
func (s *script) put(b []byte) (pointer, length int64) {
	pointer = int64(dataAt + len(s.data))
	s.data = append(s.data, b...)
	return pointer, int64(len(b))
}

func (s *script) text(text string) (pointer, length int64) { return s.put([]byte(text)) }

// event is an event that runs the script; more readings may follow the script's own.
func (s *script) event(more ...dodona.Reading) Event {
	calls := s.calls
	body := s.body
	s.call("output_write", resultsAt, maxOutput) // so that the test sees what came back
	head := append([]byte("DSCR"), make([]byte, 12)...)
	binary.LittleEndian.PutUint32(head[4:], s.calls)
	binary.LittleEndian.PutUint32(head[8:], uint32(s.code))
	whole := append(head, s.body...)
	s.calls, s.body = calls, body
	if len(whole) > dataAt-scriptAt {
		s.t.Fatalf("%d calls are too many for a script", calls)
	}
	whole = append(append(whole, make([]byte, dataAt-scriptAt-len(whole))...), s.data...)
	at := time.UnixMilli(1_795_349_070_123).UTC()
	return Event{
		Feed: dodona.FeedID{1}, Round: 1_795_349_071_000,
		Readings: append([]dodona.Reading{{Source: "script", Body: whole, Received: at}}, more...),
	}
}

// run runs the script, which must be answered.
func (s *script) run(m *Module, ev Event) (results []int64, out Outcome) {
	s.t.Helper()
	out, err := m.Run(s.t.Context(), ev)
	if err != nil {
		s.t.Fatalf("script of %s: %v", s.guest, err)
	}
	return s.results(out), out
}

func (s *script) results(out Outcome) (results []int64) {
	s.t.Helper()
	if len(out.Output) != maxOutput {
		s.t.Fatalf("script of %s left %d bytes", s.guest, len(out.Output))
	}
	for i := range s.calls {
		results = append(results, int64(binary.LittleEndian.Uint64(out.Output[8*i:])))
	}
	return results
}

// seen returns what was written to outAt + offset.
func seen(out Outcome, offset, length int) []byte {
	return out.Output[outAt-resultsAt+offset:][:length]
}

func seenInt(out Outcome, offset int) int64 {
	return int64(binary.LittleEndian.Uint64(seen(out, offset, 8)))
}

func seenInt32(out Outcome, offset int) int32 {
	return int32(binary.LittleEndian.Uint32(seen(out, offset, 4)))
}

// failing runs an event that must fail for a cause.
func failing(t testing.TB, m *Module, ev Event, cause Cause) (Outcome, *Error) {
	t.Helper()
	out, err := m.Run(t.Context(), ev)
	failed, ok := err.(*Error)
	if !ok || failed.Cause != cause {
		t.Fatalf("got %v, want cause %s", err, cause)
	}
	return out, failed
}

func abiModule(t testing.TB, s Spec) *Module {
	t.Helper()
	return load(t, newTestEngine(t, Options{}), s)
}

func number(t testing.TB, s string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
