package coap

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

func TestAResourceThatChangesAllTheTimeIsReadThreeTimes(t *testing.T) {
	t.Parallel()
	var version atomic.Int64
	d, url := newDevice(t, func(d *device, m message.Message) {
		now := byte(version.Add(1))
		blocks(strings.Repeat("a", 50), func(_ uint32, a *message.Message) { a.Options = withBytes(a.Options, message.ETag, []byte{now}) })(d, m)
	})
	src, _ := opened(t, quick(url, nil))
	if b, err := src.Observe(t.Context()); err == nil && (len(b.Readings) != 1 || b.Readings[0].Quality != dodona.Bad) {
		t.Errorf("got %+v of a body whose blocks are of several versions", b)
	}
	begun := d.heard(func(m message.Message) bool { b, found, _ := blockOf(m); return isGet(m) && (!found || b.number == 0) })
	if len(begun) != 3 {
		t.Errorf("it was begun %d times, want 3", len(begun))
	}
}

// TestAWordOfNobodyChangesNothing: an acknowledgement of another message is none of ours, which is sent again; a reset of what was given up costs nothing.
func TestAWordOfNobodyChangesNothing(t *testing.T) {
	t.Parallel()
	asked := 0
	_, url := newDevice(t, func(d *device, m message.Message) {
		if !isGet(m) {
			return
		}
		for _, kind := range []message.Type{message.Acknowledgement, message.Reset} {
			d.say(message.Message{Type: kind, Code: codes.Empty, MessageID: (m.MessageID + 7) & 0xffff})
		}
		if asked++; asked > 1 {
			d.say(answer(m, "21.5"))
		}
	})
	src, dropped := opened(t, quick(url, nil))
	if r := observe(t, src); string(r.Body) != "21.5" || dropped() != 0 {
		t.Errorf("got %q, %d dropped; want 21.5 and none", r.Body, dropped())
	}
}

func TestAScanSaysWhetherThereIsMore(t *testing.T) {
	t.Parallel()
	_, url := newDevice(t, func(d *device, m message.Message) {
		d.say(answer(m, "</a>,</b>;obs,</c>", option(message.ContentFormat, linkFormat)))
	})
	for most, want := range map[int]bool{2: true, 10: false} {
		var got []string
		settings := quick(url, nil)
		more, err := Kind.Scan(t.Context(), &settings, source.Range{Most: most}, source.Env{Source: "tank"}, func(f source.Found) error {
			got = append(got, f.Name)
			return nil
		})
		if err != nil || more != want || len(got) != min(most, 3) {
			t.Errorf("of at most %d: %q, more %t, %v", most, got, more, err)
		}
	}
}

func TestADeviceThatGivesNoTokenBackIsTold(t *testing.T) {
	t.Parallel()
	var said atomic.Int64
	_, url := newDevice(t, func(d *device, m message.Message) {
		if isGet(m) && said.Add(1) == 1 {
			m.Token = message.Token{9, 9}
			d.say(answer(m, "21.5"))
			d.say(answer(m, "21.5"))
		}
	})
	src, _ := opened(t, quick(url, func(s *Settings) { s.Timeout = 5 * time.Second }))
	_, err := src.Observe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no answer to the request, and 2 answers to others: late ones, or a device that does not give the token back in 5s") {
		t.Errorf("got %v", err)
	}
}
