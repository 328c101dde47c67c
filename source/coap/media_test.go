package coap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
)

// TestTheNumberOfAFormatIsItsMediaType as IANA has it; one without a media type here is told by its number, and none by nothing.
func TestTheNumberOfAFormatIsItsMediaType(t *testing.T) {
	t.Parallel()
	for format, want := range map[int]string{
		-1: "", 0: "text/plain; charset=utf-8", 40: "application/link-format", 41: "application/xml", 42: "application/octet-stream", 47: "application/exi",
		50: "application/json", 60: "application/cbor", 110: "application/senml+json", 112: "application/senml+cbor", 9999: "",
	} {
		_, url := newDevice(t, func(d *device, m message.Message) {
			if format < 0 {
				d.say(answer(m, "1"))
				return
			}
			d.say(answer(m, "1", option(message.ContentFormat, uint32(format))))
		})
		src, _ := opened(t, quick(url, nil))
		r := observe(t, src)
		if r.ContentType != want || strings.Contains(r.Detail, "Content-Format") != (format == 9999) {
			t.Errorf("format %d: %q, %s; want %q", format, r.ContentType, r.Detail, want)
		}
	}
}

func TestABlockIsAskedForAsItIsRead(t *testing.T) {
	for exponent := range uint32(7) {
		for _, n := range []uint32{0, 1, 1<<20 - 1} {
			m := message.Message{Options: with(nil, message.Block2, n<<4|exponent)}
			b, found, err := blockOf(m)
			if !found || err != nil || b.size != 16<<exponent || b.number != n || b.value() != n<<4|exponent {
				t.Errorf("block %d of %d bytes: %+v, %v, %v; asked for as %x", n, 16<<exponent, b, found, err, b.value())
			}
		}
	}
}

// TestWhyALinkEndedIsKept, so that who waits is told more than that it did.
func TestWhyALinkEndedIsKept(t *testing.T) {
	t.Parallel()
	_, url := newDevice(t, func(d *device, m message.Message) { d.say(answer(m, "1")) })
	src, _ := opened(t, quick(url, nil))
	observe(t, src)
	l := src.(*poller).link //nolint:errcheck // what open returned
	l.end()
	if err := l.lostBy(); err == nil || strings.Contains(fmt.Sprint(err), "nil") || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
}
