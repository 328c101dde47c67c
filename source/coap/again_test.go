package coap

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// TestAnAnswerThatIsSentAgainIsConfirmedAgain, because the device did not hear our word, and is not taken again; what nobody asked for is refused and counted.
func TestAnAnswerThatIsSentAgainIsConfirmedAgain(t *testing.T) {
	t.Parallel()
	const separately, unknown = 99, 100
	var first atomic.Pointer[message.Message]
	d, url := newDevice(t, func(d *device, m message.Message) {
		if !isGet(m) {
			return
		}
		separate := answer(m, "1")
		separate.Type, separate.MessageID = message.Confirmable, separately
		if !first.CompareAndSwap(nil, &separate) {
			d.say(*first.Load()) // while another request waits
			foreign := separate
			foreign.MessageID, foreign.Token = unknown, message.Token{1, 2, 3}
			d.say(foreign)
			d.say(answer(m, "2"))
			return
		}
		d.say(separate)
		d.say(separate) // when nobody waits any more
	})
	src, dropped := opened(t, quick(url, nil))
	for n := 1; n <= 2; n++ {
		if r := observe(t, src); string(r.Body) != fmt.Sprint(n) {
			t.Errorf("got %q, want %d", r.Body, n)
		}
	}
	said := func(kind message.Type, id int32) int {
		return len(d.heard(func(m message.Message) bool { return m.Type == kind && m.MessageID == id }))
	}
	eventually(t, func() bool {
		return said(message.Acknowledgement, separately) == 3 && said(message.Reset, unknown) == 1
	}, "not every copy is confirmed, or what is unknown is not refused")
	if said(message.Reset, separately) != 0 || dropped() != 1 {
		t.Errorf("%d resets, %d dropped; want none and 1", said(message.Reset, separately), dropped())
	}
}

// TestANotificationThatIsSentAgainIsTakenOnce, also where it comes while the resource is asked for anew.
func TestANotificationThatIsSentAgainIsTakenOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	d, url := newDevice(t, func(d *device, m message.Message) {
		if n, found := number(m, message.Observe); !isGet(m) || !found || n != register {
			return
		}
		old := notify(m.Token, 1, 2, "b")
		old.Type = message.Confirmable
		if asked.Add(1) > 1 {
			d.say(old)
			d.say(answer(m, "c", option(message.Observe, 3)))
			return
		}
		d.say(answer(m, "a", option(message.Observe, 1)))
		d.say(old)
		d.say(old)
	})
	src, dropped := opened(t, quick(url, func(s *Settings) { s.Observe, s.Renew = true, time.Second }))
	var got string
	for range 3 {
		got += string(observe(t, src).Body)
	}
	if got != "abc" || dropped() != 0 {
		t.Errorf("got %s, %d dropped; want abc and none", got, dropped())
	}
	eventually(t, func() bool {
		return len(d.heard(func(m message.Message) bool { return m.Type == message.Acknowledgement && m.MessageID == 1 })) == 3
	}, "not each of its copies is confirmed")
}
