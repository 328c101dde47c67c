package coap

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func FuzzWhateverComesIsReadOrRefused(f *testing.F) {
	for _, m := range []message.Message{
		{Type: message.Confirmable, Code: codes.GET, MessageID: 1, Token: []byte{1}, Options: with(nil, message.Observe, 0)},
		{Type: message.Acknowledgement, Code: codes.Content, MessageID: 2, Token: []byte("12345678"), Options: with(with(nil, message.Block2, 25), message.MaxAge, 1<<31), Payload: []byte("21.5")},
		{Type: message.Reset, MessageID: 3},
	} {
		raw, err := encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{0x40, 0x45, 0, 0, 0xff})
	f.Add([]byte{0x40, 0x45, 0, 0, 0xdd, 0xff, 0xff})
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		m, err := decode(bytes.Clone(raw))
		if err != nil {
			return
		}
		if age := maxAge(m); age < 0 || age > 24*time.Hour {
			t.Errorf("Max-Age %s", age)
		}
		if b, found, err := blockOf(m); err == nil && found && (b.size < 16 || b.size > 1024) {
			t.Errorf("block %+v", b)
		}
		var c client
		c.settings.MaxSize = 64
		got := representation{}
		if b, found, err := blockOf(m); err == nil {
			_ = c.add(&got, b, found, m.Payload)
		}
		if len(got.body) > 64 {
			t.Errorf("a body of %d B", len(got.body))
		}
	})
}

func FuzzBlocksGiveTheBodyOrNothing(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123"), uint8(0), uint8(0))
	f.Add(bytes.Repeat([]byte("x"), 200), uint8(1), uint8(3))
	fuzztest.Run(f, func(t *testing.T, body []byte, exponent, wrong uint8) {
		c := client{}
		c.settings.MaxSize = 1 << 10
		size := 16 << (exponent % 7)
		var got representation
		for n := 0; ; n++ {
			from, to := n*size, min((n+1)*size, len(body))
			if from > to {
				break
			}
			number := uint32(n)
			if wrong > 0 && n == int(wrong) {
				number += 2
			}
			b := block{number: number, more: to < len(body), size: size}
			if err := c.add(&got, b, true, body[from:to]); err != nil {
				if len(body) <= 1<<10 && wrong == 0 {
					t.Fatalf("%d B in blocks of %d: %v", len(body), size, err)
				}
				return
			}
			if !b.more {
				break
			}
		}
		if !bytes.Equal(got.body, body) {
			t.Fatalf("got %d B of %d", len(got.body), len(body))
		}
	})
}

func FuzzLinksAreReadWithinTheirBounds(f *testing.F) {
	f.Add(`</>;title="General Info";ct=0,</time>;if="clock";rt="ticks";title="Internal \"Clock\"";ct="0 50";obs`)
	f.Add(`<coap://elsewhere/x>,</a>;x="`)
	f.Add("</a> ; obs , </b>")
	fuzztest.Run(f, func(t *testing.T, text string) {
		found, _, err := parseLinks(text, 5)
		if len(found) > 5 {
			t.Fatalf("%d links", len(found))
		}
		for _, l := range found {
			if _, wrong := splitPath(l.Path); wrong != nil || strings.HasPrefix(l.Path, "//") {
				t.Errorf("path %q: %v (%v)", l.Path, wrong, err)
			}
			if len(l.Types) > maxWords || len(l.Formats) > maxWords || strings.ContainsAny(l.Title, "\n\x1b") {
				t.Errorf("got %+v", l)
			}
		}
	})
}

func TestLinksOfADeviceAreRead(t *testing.T) {
	found, all, err := parseLinks(`</>;title="General Info";ct=0,</time>;if="clock";rt="ticks tocks";title="Internal \"Clock\"";ct="50 112 9999";obs,<coap://elsewhere/x>;rt=a,</s?x=1>`, 10)
	if err != nil || !all || len(found) != 3 {
		t.Fatalf("got %+v, %v, %v", found, all, err)
	}
	clock := found[1]
	if clock.Path != "/time" || clock.Title != `Internal "Clock"` || !clock.Observable || strings.Join(clock.Types, ",") != "ticks,tocks" ||
		strings.Join(clock.Formats, ",") != "application/json,application/senml+cbor,9999" {
		t.Errorf("got %+v", clock)
	}
	spaced, all, err := parseLinks("</a> ;rt= ;obs , </b>\n;rt=;title=x ,</c>", 10)
	if err != nil || !all || len(spaced) != 3 || !spaced[0].Observable || spaced[1].Title != "x" || len(spaced[1].Types) != 0 || spaced[2].Path != "/c" {
		t.Errorf("with blanks: got %+v, %v, %v", spaced, all, err)
	}
	if _, all, err := parseLinks("</a>,</b>,</c>", 2); all || err != nil {
		t.Errorf("all %v, %v of a list that was cut", all, err)
	}
}
