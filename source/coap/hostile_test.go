package coap

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona"
)

// blocks answers with a body in blocks of 16 bytes, as change has it.
func blocks(body string, change func(n uint32, a *message.Message)) func(d *device, m message.Message) {
	return func(d *device, m message.Message) {
		if !isGet(m) {
			return
		}
		b, _, _ := blockOf(m)
		from := int(b.number) * 16
		to := min(from+16, len(body))
		value := b.number << 4
		if to < len(body) {
			value |= 8
		}
		a := answer(m, body[from:to], option(message.Block2, value))
		if change != nil {
			change(b.number, &a)
		}
		d.say(a)
	}
}

func TestABodyIsPutTogetherOfItsBlocks(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 10)
	_, url := newDevice(t, blocks(body, nil))
	src, _ := opened(t, quick(url, nil))
	if r := observe(t, src); string(r.Body) != body || !strings.Contains(r.Detail, "100 B in 7 blocks") {
		t.Errorf("got %q, %s", r.Body, r.Detail)
	}
}

func TestABodyThatCannotBeTakenIsSaidWithItsReason(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		on   func(d *device, m message.Message)
		want string
	}{
		"larger than the cap, and says so": {func(d *device, m message.Message) {
			d.say(answer(m, body[:16], option(message.Block2, 8), option(message.Size2, 1<<20)))
		}, "a body of 1048576 B is larger than max_size (64B)"},
		"larger than the cap":     {blocks(body, nil), "is larger than max_size (64B)"},
		"larger at once":          {func(d *device, m message.Message) { d.say(answer(m, body)) }, "is larger than max_size (64B)"},
		"another block":           {blocks(body, func(n uint32, a *message.Message) { a.Options = replaced(a.Options, message.Block2, (n+n/2*3)<<4|8) }), "block 2 was asked for, and block 5 came"},
		"no block":                {blocks(body, func(n uint32, a *message.Message) { a.Options = without(a.Options, message.Block2) }), ""},
		"a block that is short":   {blocks(body, func(n uint32, a *message.Message) { a.Payload = a.Payload[:7] }), "a block of 16 B has 7"},
		"a size that none has":    {blocks(body, func(n uint32, a *message.Message) { a.Options = replaced(a.Options, message.Block2, n<<4|15) }), "a size of blocks that none has"},
		"all of it after a block": {blocks(body, func(n uint32, a *message.Message) { a.Options = dropAfter(n, a.Options) }), "a block was asked for, and all of it came"},
		"never the same":          {blocks(body[:60], func(n uint32, a *message.Message) { a.Options = withBytes(a.Options, message.ETag, []byte{byte(n)}) }), "the resource changed while its blocks were read, 3 times"},
		"another format":          {func(d *device, m message.Message) { d.say(answer(m, "1", option(message.ContentFormat, 60))) }, "it answers in application/cbor, and json was asked for"},
		"an error behind a block": {blocks(body, func(n uint32, a *message.Message) {
			if n == 1 {
				a.Code = codes.InternalServerError
			}
		}), "5.00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := newDevice(t, c.on)
			src, _ := opened(t, quick(url, func(s *Settings) { s.MaxSize, s.Accept = 64, "json" }))
			b, err := src.Observe(t.Context())
			if c.want == "" {
				if err != nil || len(b.Readings) != 1 {
					t.Errorf("got %v, %v", b.Readings, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want %q", b.Readings, err, c.want)
			}
		})
	}
}

func replaced(options message.Options, id message.OptionID, n uint32) message.Options {
	return with(without(options, id), id, n)
}

func dropAfter(n uint32, options message.Options) message.Options {
	if n == 0 {
		return options
	}
	return without(options, message.Block2)
}

func TestAResourceThatChangedBetweenItsBlocksIsReadAgain(t *testing.T) {
	t.Parallel()
	var version atomic.Int64
	version.Store('a')
	_, url := newDevice(t, func(d *device, m message.Message) {
		if b, _, _ := blockOf(m); b.number == 2 && version.Load() == 'a' {
			version.Store('b')
		}
		now := byte(version.Load())
		blocks(strings.Repeat(string(now), 50), func(_ uint32, a *message.Message) { a.Options = withBytes(a.Options, message.ETag, []byte{now}) })(d, m)
	})
	src, _ := opened(t, quick(url, nil))
	if r := observe(t, src); string(r.Body) != strings.Repeat("b", 50) {
		t.Errorf("got %q, want one version alone", r.Body)
	}
}

func TestABlockASecondEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 10_000)
	_, url := newDevice(t, func(d *device, m message.Message) {
		time.Sleep(time.Second) // what a drip is
		blocks(body, nil)(d, m)
	})
	src, _ := opened(t, quick(url, func(s *Settings) { s.Timeout, s.AckTimeout = 2500*time.Millisecond, 2*time.Second }))
	b, err := src.Observe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no answer in 2.5s") {
		t.Errorf("got %v, %v; want the time-out", b.Readings, err)
	}
}

func TestAnAnswerOfAnEarlierQuestionIsOfNobody(t *testing.T) {
	t.Parallel()
	var first atomic.Pointer[message.Message]
	d, url := newDevice(t, func(d *device, m message.Message) {
		if !isGet(m) {
			return
		}
		if first.CompareAndSwap(nil, &m) {
			return
		}
		old := *first.Load()
		if string(old.Token) == string(m.Token) {
			return // sent again
		}
		d.say(answer(old, "old")) // to where the new question came from, with the id of the old one
		late := answer(old, "old")
		late.Type, late.MessageID = message.Confirmable, 7
		d.say(late)
		d.say(answer(m, "new"))
	})
	src, _ := opened(t, quick(url, func(s *Settings) { s.Timeout, s.AckTimeout = 300*time.Millisecond, time.Second }))
	if b, err := src.Observe(t.Context()); err == nil {
		t.Fatalf("got %v without an answer", b.Readings)
	}
	src.(*poller).settings.Timeout = 20 * time.Second //nolint:errcheck // what open returned
	if r := observe(t, src); string(r.Body) != "new" {
		t.Errorf("got %q, want the answer to the second question", r.Body)
	}
	eventually(t, func() bool {
		return len(d.heard(func(m message.Message) bool { return m.Type == message.Reset && m.MessageID == 7 })) == 1
	}, "the device is not told that nobody waits for its answer")
}

func eventually(t *testing.T, is func() bool, complaint string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(complaint)
		}
	}
}

func TestWhatIsLostIsAskedForAgainAndASeparateAnswerIsConfirmed(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	d, url := newDevice(t, func(d *device, m message.Message) {
		if !isGet(m) || seen.Add(1) < 3 {
			return
		}
		d.say(message.Message{Type: message.Acknowledgement, MessageID: m.MessageID})
		separate := answer(m, "21.5")
		separate.Type, separate.MessageID = message.Confirmable, 99
		d.say(separate)
	})
	src, _ := opened(t, quick(url, nil))
	if r := observe(t, src); string(r.Body) != "21.5" {
		t.Errorf("got %q", r.Body)
	}
	eventually(t, func() bool {
		return len(d.heard(func(m message.Message) bool { return m.Type == message.Acknowledgement && m.MessageID == 99 })) == 1
	}, "the answer is not confirmed")
}

func TestOnlyWhatNobodyCanMendByWaitingIsPermanent(t *testing.T) {
	t.Parallel()
	for code, permanent := range map[codes.Code]bool{
		codes.BadRequest: true, codes.Unauthorized: true, codes.MethodNotAllowed: true, codes.NotAcceptable: true,
		codes.NotFound: false, codes.ServiceUnavailable: false, codes.InternalServerError: false, codes.TooManyRequests: false,
	} {
		_, url := newDevice(t, func(d *device, m message.Message) {
			a := answer(m, "")
			a.Code = code
			d.say(a)
		})
		src, _ := opened(t, quick(url, nil))
		if _, err := src.Observe(t.Context()); err == nil || dodona.IsPermanent(err) != permanent || !strings.Contains(err.Error(), codeText(code)) {
			t.Errorf("%s: got %v, permanent %v", codeText(code), err, dodona.IsPermanent(err))
		}
	}
}

// TestADeviceThatDoesNotAnswerIsToldByHow: with a reset, by an acknowledgement without an answer, or by nothing.
func TestADeviceThatDoesNotAnswerIsToldByHow(t *testing.T) {
	t.Parallel()
	for want, kind := range map[string]message.Type{
		"the device refuses the request with a reset": message.Reset, "the device acknowledged the request and did not answer": message.Acknowledgement, "no answer in 1s": message.Unset,
	} {
		_, url := newDevice(t, func(d *device, m message.Message) {
			if isGet(m) && kind != message.Unset {
				d.say(message.Message{Type: kind, Code: codes.Empty, MessageID: m.MessageID})
			}
		})
		src, _ := opened(t, quick(url, func(s *Settings) { s.Timeout = time.Second }))
		if _, err := src.Observe(t.Context()); err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// notify says something under the token of an observation.
func notify(token message.Token, id int32, sequence uint32, body string) message.Message {
	return message.Message{
		Type: message.NonConfirmable, Code: codes.Content, MessageID: id, Token: token, Payload: []byte(body),
		Options: with(nil, message.Observe, sequence),
	}
}

func TestNotificationsAreTakenInTheirOrderAcrossTheEndOfTheirNumbers(t *testing.T) {
	t.Parallel()
	const last = 1<<24 - 1
	_, url := newDevice(t, func(d *device, m message.Message) {
		if n, found := number(m, message.Observe); !isGet(m) || !found || n != register {
			return
		}
		d.say(answer(m, "a", option(message.Observe, last-1)))
		d.say(notify(m.Token, 1, last, "b"))
		d.say(notify(m.Token, 2, last-5, "older"))
		d.say(notify(m.Token, 3, 1, "c"))
		d.say(notify(m.Token, 4, last, "older"))
		d.say(notify(m.Token, 5, 2, "d"))
	})
	src, dropped := opened(t, quick(url, func(s *Settings) { s.Observe = true }))
	var got string
	for range 4 {
		got += string(observe(t, src).Body)
	}
	if got != "abcd" || dropped() != 2 {
		t.Errorf("got %s, %d dropped; want abcd and 2", got, dropped())
	}
}

func TestAnObservationThatTheDeviceEndsIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	_, url := newDevice(t, func(d *device, m message.Message) {
		if n, found := number(m, message.Observe); !isGet(m) || !found || n != register {
			return
		}
		if asked.Add(1) == 1 {
			d.say(answer(m, "a", option(message.Observe, 1)))
			gone := notify(m.Token, 1, 2, "")
			gone.Code, gone.Options, gone.Type = codes.NotFound, nil, message.Confirmable
			d.say(gone)
			return
		}
		d.say(answer(m, "b", option(message.Observe, 1)))
	})
	src, _ := opened(t, quick(url, func(s *Settings) { s.Observe = true }))
	if r := observe(t, src); string(r.Body) != "a" {
		t.Fatalf("got %q", r.Body)
	}
	if b, err := src.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "4.04") {
		t.Fatalf("got %v, %v; want 4.04", b.Readings, err)
	}
	if r := observe(t, src); string(r.Body) != "b" {
		t.Errorf("got %q", r.Body)
	}
}

func TestADeviceThatDoesNotObserveIsAskedByItsMaxAge(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	_, url := newDevice(t, func(d *device, m message.Message) {
		if isGet(m) {
			d.say(answer(m, fmt.Sprint(asked.Add(1)), option(message.MaxAge, 1)))
		}
	})
	src, _ := opened(t, quick(url, func(s *Settings) { s.Observe, s.Renew = true, time.Second }))
	for n := 1; n <= 2; n++ {
		if r := observe(t, src); string(r.Body) != fmt.Sprint(n) {
			t.Errorf("got %q, want %d", r.Body, n)
		}
	}
}

func TestASilentDeviceIsFoundByAPing(t *testing.T) {
	t.Parallel()
	var frozen atomic.Bool
	_, url := newDevice(t, func(d *device, m message.Message) {
		switch {
		case frozen.Load():
		case isGet(m):
			d.say(answer(m, "a", option(message.Observe, 1), option(message.MaxAge, 3600)))
			frozen.Store(true)
		}
	})
	src, _ := opened(t, quick(url, func(s *Settings) { s.Observe, s.Ping, s.Timeout = true, time.Second, time.Second }))
	observe(t, src)
	if b, err := src.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "and to a ping: no answer in 1s") {
		t.Errorf("got %v, %v; want the ping that was not answered", b.Readings, err)
	}
}

func TestAFloodOfNotificationsIsCounted(t *testing.T) {
	t.Parallel()
	var enough atomic.Bool
	done := make(chan struct{})
	_, url := newDevice(t, func(d *device, m message.Message) {
		if n, found := number(m, message.Observe); !isGet(m) || !found || n != register {
			return
		}
		d.say(answer(m, "a", option(message.Observe, 1)))
		for i := 0; !enough.Load(); i++ { // the socket of this machine may lose any of them
			d.say(notify(m.Token, int32(i&0xffff), uint32(i+2), "x"))
			if i%20 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		close(done)
	})
	src, dropped := opened(t, quick(url, func(s *Settings) { s.Observe = true }))
	defer enough.Store(true)
	observe(t, src)
	eventually(t, func() bool { return dropped() >= 200 }, "a flood is not counted")
	o := src.(*observer) //nolint:errcheck // what open returned
	if kept := len(o.link.notified); kept > maxWaiting {
		t.Errorf("%d wait, want at most %d", kept, maxWaiting)
	}
	enough.Store(true)
	<-done
	if r := observe(t, src); string(r.Body) != "x" {
		t.Errorf("got %q", r.Body)
	}
}

func TestAResourceThatIsRefusedIsABadReadingBesideOthers(t *testing.T) {
	t.Parallel()
	for _, observed := range []bool{false, true} {
		_, url := newDevice(t, func(d *device, m message.Message) {
			if !isGet(m) {
				return
			}
			a := answer(m, "1", option(message.Observe, 1))
			if path, _ := m.Options.Path(); path == "/b" {
				a.Code = codes.NotFound
			}
			d.say(a)
		})
		src, _ := opened(t, quick(strings.TrimSuffix(url, "/t"), func(s *Settings) { s.Paths, s.Observe = []string{"/a", "/b", "/c"}, observed }))
		b, err := src.Observe(t.Context())
		if err != nil || len(b.Readings) != 3 {
			t.Fatalf("observe %v: got %v, %v", observed, b.Readings, err)
		}
		for i, want := range []dodona.Quality{dodona.Good, dodona.Bad, dodona.Good} {
			if r := b.Readings[i]; r.Quality != want || r.Item != []string{"/a", "/b", "/c"}[i] || want == dodona.Bad && !strings.Contains(r.Detail, "4.04") {
				t.Errorf("observe %v: got %+v", observed, r)
			}
		}
	}
}

func TestWhatIsKnownIsNotSentAgain(t *testing.T) {
	t.Parallel()
	d, url := newDevice(t, func(d *device, m message.Message) {
		a := answer(m, "21.5", message.Option{ID: message.ETag, Value: []byte{7}})
		if tag, err := m.Options.GetBytes(message.ETag); err == nil && string(tag) == "\x07" {
			a.Code, a.Payload = codes.Valid, nil
		}
		d.say(a)
	})
	src, _ := opened(t, quick(url, nil))
	for n := range 3 {
		if r := observe(t, src); string(r.Body) != "21.5" || n > 0 && !strings.Contains(r.Detail, "2.03, 4 B as before") {
			t.Errorf("got %q, %s", r.Body, r.Detail)
		}
	}
	if n := len(d.heard(isGet)); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestANotificationThatIsSaidTwiceCountsOnceAndIsConfirmedTwice(t *testing.T) {
	t.Parallel()
	d, url := newDevice(t, func(d *device, m message.Message) {
		if n, found := number(m, message.Observe); !isGet(m) || !found || n != register {
			return
		}
		d.say(answer(m, "a", option(message.Observe, 1)))
		for _, id := range []int32{5, 5, 6} {
			next := notify(m.Token, id, uint32(id), fmt.Sprint(id))
			next.Type = message.Confirmable
			d.say(next)
		}
	})
	src, dropped := opened(t, quick(url, func(s *Settings) { s.Observe = true }))
	for _, want := range []string{"a", "5", "6"} {
		if r := observe(t, src); string(r.Body) != want {
			t.Errorf("got %q, want %s", r.Body, want)
		}
	}
	if dropped() != 0 {
		t.Errorf("%d dropped, want none", dropped())
	}
	eventually(t, func() bool {
		return len(d.heard(func(m message.Message) bool { return m.Type == message.Acknowledgement && m.MessageID == 5 })) == 2
	}, "what is said twice is not confirmed twice")
}

func TestWhatIsNoMessageIsPassedOver(t *testing.T) {
	t.Parallel()
	_, url := newDevice(t, func(d *device, m message.Message) {
		if !isGet(m) {
			return
		}
		for _, junk := range []string{"", "x", "\x40", "\x4f\x45\x00\x00", "\x80\x45\x00\x00", "\x40\x45\x00\x00\xff", "\x40\x45\x00\x00\xf0"} {
			d.mu.Lock()
			_, _ = d.conn.WriteToUDP([]byte(junk), d.peer)
			d.mu.Unlock()
		}
		d.say(message.Message{Type: message.Confirmable, Code: codes.GET, MessageID: 9, Token: []byte{1}}) // it asks us
		d.say(answer(m, "21.5"))
	})
	src, _ := opened(t, quick(url, nil))
	if r := observe(t, src); string(r.Body) != "21.5" {
		t.Errorf("got %q", r.Body)
	}
}

func TestAConnectionThatEndedWhileNobodyAskedCostsNoExchange(t *testing.T) {
	t.Parallel()
	_, url := newDevice(t, func(d *device, m message.Message) { d.say(answer(m, "21.5")) })
	src, _ := opened(t, quick(url, nil))
	observe(t, src)
	ended := src.(*poller).link                     //nolint:errcheck // what open returned
	_ = ended.conn.SetReadDeadline(time.Unix(1, 0)) // its reader ends, and the socket is open still
	<-ended.gone
	if r := observe(t, src); string(r.Body) != "21.5" {
		t.Errorf("got %q", r.Body)
	}
	if err := ended.conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection that ended was left open: %v", err)
	}
}

func TestAResourceThatHangsCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	for _, acknowledged := range []bool{false, true} {
		for _, observed := range []bool{false, true} {
			t.Run(fmt.Sprintf("acknowledged %v, observed %v", acknowledged, observed), func(t *testing.T) {
				t.Parallel()
				_, url := newDevice(t, func(d *device, m message.Message) {
					path, _ := m.Options.Path()
					switch {
					case !isGet(m):
					case path == "/b":
						d.say(answer(m, "1", option(message.Observe, 1)))
					case acknowledged:
						d.say(message.Message{Type: message.Acknowledgement, MessageID: m.MessageID})
					}
				})
				src, _ := opened(t, quick(strings.TrimSuffix(url, "/t"), func(s *Settings) {
					s.Paths, s.Observe, s.Timeout = []string{"/a", "/b"}, observed, 800*time.Millisecond
				}))
				eventually(t, func() bool {
					b, err := src.Observe(t.Context())
					if err != nil || len(b.Readings) != 2 {
						return false
					}
					good, bad := b.Readings[0], b.Readings[1]
					return good.Item == "/b" && good.Quality == dodona.Good && bad.Item == "/a" && bad.Quality == dodona.Bad
				}, "what hangs hides what answers")
			})
		}
	}
}
