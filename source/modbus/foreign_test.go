package modbus

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/source"
)

// answering is a peer over TCP whose answer to a request is what answer makes of it, at once, or byte by byte with a pause.
func answering(t *testing.T, pause time.Duration, answer func(request []byte) []byte) (address string) {
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
				request := make([]byte, 12)
				for {
					if _, err := io.ReadFull(c, request); err != nil {
						return
					}
					said := answer(request)
					if pause == 0 {
						if _, err := c.Write(said); err != nil {
							return
						}
						continue
					}
					for _, b := range said {
						if _, err := c.Write([]byte{b}); err != nil {
							return
						}
						time.Sleep(pause)
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// TestAnAnswerThatIsNoneIsNamedAndCounted: of another unit, of another request, byte by byte, or of no Modbus at all.
func TestAnAnswerThatIsNoneIsNamedAndCounted(t *testing.T) {
	t.Parallel()
	body := func(r []byte, unit byte) []byte { return []byte{r[0], r[1], 0, 0, 0, 5, unit, 3, 2, 0, 42} }
	for name, c := range map[string]struct {
		pause  time.Duration
		answer func(r []byte) []byte
		want   string
		lost   string
	}{
		"another unit":        {0, func(r []byte) []byte { return body(r, 255) }, "unit 255 answered instead: if that is how this gateway answers, set any_unit", "an answer came that is of another request or unit"},
		"another request":     {0, func(r []byte) []byte { b := body(r, 1); b[0], b[1] = 0, 0; return b }, "no answer within the timeout, 1s; what came has transaction 0: it is late, or the device does not repeat what it is asked with: set any_transaction then", "an answer came that is of another request or unit"},
		"nothing":             {0, func([]byte) []byte { return nil }, "no answer within the timeout, 1s; is 1 its id, and framing tcp (a transparent gateway has rtu)?", ""},
		"a byte now and then": {300 * time.Millisecond, func(r []byte) []byte { return body(r, 1) }, "bytes of an answer came in 1s", ""},
		"HTTP":                {0, func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n") }, "what came is no Modbus: its header is 48 54 54 50", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Kind.Settings().(*Settings)
			s.Address, s.Timeout, s.Retries = answering(t, c.pause, c.answer), time.Second, 0
			address := 0
			s.Registers = map[string]Register{"level": {Holding: &address, Format: registers.Format{Type: registers.Uint16}}}
			if err := Kind.Check(s); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var lost []string
			o, err := Kind.Open(t.Context(), s, source.Env{Source: "boiler", Dropped: func(n uint64, cause string) {
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, cause)
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			_, err = o.Observe(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Join(lost, "; ") != c.lost {
				t.Errorf("got %v, and given up is %q; want %s, and %q", err, lost, c.want, c.lost)
			}
		})
	}
}
