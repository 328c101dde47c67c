package modbus

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/source"
)

// sharing is what a line says to each request to read one register: the unit's own answer is 42.
type sharing struct {
	says func(request, own []byte) [][]byte // with a pause between two
	want string                             // "": 42 is good; else a part of the reason
}

var (
	foreignRequest = summed(1, 3, 0, 9, 0, 1)
	foreignAnswer  = summed(1, 3, 2, 0xde, 0xad)
)

const twoMasters = "another master speaks on this line: two answers fit"

func sharings() map[string]sharing {
	at := func(all ...[]byte) [][]byte {
		var b []byte
		for _, one := range all {
			b = append(b, one...)
		}
		return [][]byte{b}
	}
	return map[string]sharing{
		"the answer":                          {func(_, own []byte) [][]byte { return at(own) }, ""},
		"an echo":                             {func(r, own []byte) [][]byte { return at(r, own) }, ""},
		"an echo and then the answer":         {func(r, own []byte) [][]byte { return [][]byte{r, own} }, ""},
		"an echo behind noise":                {func(r, own []byte) [][]byte { return at([]byte{0}, r, own) }, ""},
		"the answer twice":                    {func(_, own []byte) [][]byte { return at(own, own) }, ""},
		"a master that asks another unit":     {func(_, own []byte) [][]byte { return at(summed(2, 3, 0, 9, 0, 1), summed(2, 3, 2, 0, 7), own) }, ""},
		"a foreign request":                   {func(_, own []byte) [][]byte { return at(foreignRequest, own) }, twoMasters},
		"a foreign request and its answer":    {func(_, own []byte) [][]byte { return at(foreignRequest, foreignAnswer, own) }, twoMasters},
		"the same one after the other":        {func(_, own []byte) [][]byte { return [][]byte{foreignRequest, foreignAnswer, own} }, twoMasters},
		"a foreign request of many registers": {func(_, own []byte) [][]byte { return at(summed(1, 3, 0x20, 9, 0, 1), foreignAnswer, own) }, twoMasters},
		"an answer to somebody else":          {func(_, own []byte) [][]byte { return at(foreignAnswer, own) }, twoMasters},
		"one behind the answer":               {func(_, own []byte) [][]byte { return at(own, foreignAnswer) }, twoMasters},
		"an exception behind the answer":      {func(_, own []byte) [][]byte { return at(own, summed(1, 0x83, 2)) }, twoMasters},
		"a foreign request behind the answer": {func(_, own []byte) [][]byte { return at(own, foreignRequest) }, twoMasters},
	}
}

// speak plays the unit and whatever else is heard on the line, until the line ends.
func speak(line io.ReadWriter, says func(request, own []byte) [][]byte) {
	for request := make([]byte, requestSize); ; {
		if _, err := io.ReadFull(line, request); err != nil {
			return
		}
		own := append([]byte{1, request[1], 2 * request[5]}, make([]byte, 2*request[5])...)
		own[len(own)-1] = 42
		if request[1] < 3 {
			own = []byte{1, request[1], 1, 0}
		}
		for i, b := range says(request, summed(own...)) {
			if i > 0 {
				time.Sleep(20 * time.Millisecond)
			}
			if _, err := line.Write(b); err != nil {
				return
			}
		}
	}
}

// overTCP is a serial server with such a line.
func overTCP(t *testing.T, says func(request, own []byte) [][]byte) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				speak(c, says)
			})
		}
	})
	return l.Addr().String()
}

// observing reads one register of the line, over and over, and hands each outcome to see until that is enough.
func observing(t *testing.T, change func(s *Settings), dropped func(cause string), see func(r dodona.Reading) (enough bool)) {
	t.Helper()
	s := Kind.Settings().(*Settings)
	address := 0
	s.Framing, s.Timeout, s.Registers = RTU, 5*time.Second, map[string]Register{"level": {Holding: &address, Format: registers.Format{Type: registers.Uint16}}}
	change(s)
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	o, err := Kind.Open(t.Context(), s, source.Env{Source: "boiler", Now: time.Now, Dropped: func(_ uint64, cause string) { dropped(cause) }})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for range 20 {
		b, err := o.Observe(t.Context())
		if err != nil || len(b.Readings) != 1 {
			t.Fatalf("got %d readings, %v", len(b.Readings), err)
		}
		if see(b.Readings[0]) {
			return
		}
	}
	t.Error("not in 20 exchanges")
}

// TestAnAnswerToAnotherMasterIsNotBelieved: on a line of two masters nothing says whose an answer is.
func TestAnAnswerToAnotherMasterIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, c := range sharings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantShared(t, c, func(s *Settings) { s.Address = overTCP(t, c.says) })
		})
	}
}

// wantShared reads four times, each time with the outcome of c.
func wantShared(t *testing.T, c sharing, change func(s *Settings)) {
	t.Helper()
	n := 0
	observing(t, change, func(string) {}, func(r dodona.Reading) bool {
		switch {
		case c.want == "" && (r.Quality == dodona.Bad || string(r.Body) != "\x00\x2a"):
			t.Errorf("got %x, %s %s; want 42", r.Body, r.Quality, r.Detail)
		case c.want != "" && (r.Quality != dodona.Bad || !strings.Contains(r.Detail, c.want)):
			t.Errorf("got %x, %s %s; want %q", r.Body, r.Quality, r.Detail, c.want)
		}
		n++
		return n == 4
	})
}

// TestASecondAnswerThatIsLateIsToldAndAwaited: it cannot be seen at once, and whoever is heard once is listened for.
func TestASecondAnswerThatIsLateIsToldAndAwaited(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told, said := false, make(chan struct{}, 100)
	address := overTCP(t, func(_, own []byte) [][]byte {
		said <- struct{}{}
		return [][]byte{foreignAnswer, own}
	})
	n := 0
	observing(t, func(s *Settings) { s.Address, s.Every = address, 0 }, func(cause string) {
		mu.Lock()
		defer mu.Unlock()
		told = told || strings.Contains(cause, "a second answer to one request came")
	}, func(r dodona.Reading) bool {
		<-said
		if n++; n == 1 {
			time.Sleep(100 * time.Millisecond) // the second answer is there
		}
		mu.Lock()
		defer mu.Unlock()
		return told && r.Quality == dodona.Bad && strings.Contains(r.Detail, twoMasters)
	})
}
