package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/nats-io/nats.go"
)

// FuzzDecode feeds headers as they could come from anybody on the bus, and checks that what decodes encodes back.
func FuzzDecode(f *testing.F) {
	r := dodona.Record{
		Topic: dodona.TopicReading, Key: "kraken", ID: "1-0xab", Node: "gw-1", Body: []byte("{}"),
		Appended: time.UnixMilli(1795349070123).UTC(), Sequence: 7, Previous: dodona.Keccak256([]byte("x")),
	}
	m := encode(r, "3fa9c1d2", scope{"00000000000000ab"})
	f.Add(m.Subject, m.Header.Get(headerID), m.Header.Get(headerSource), m.Header.Get(headerTime), m.Header.Get(headerSequence), m.Header.Get(headerPrevious), m.Data)
	m = encode(dodona.Record{Topic: dodona.TopicClaim, Key: "report.btc.usd.ab", ID: "1", Node: "gw-1"}, "0", scope{"00000000000000ab"})
	f.Add(m.Subject, m.Header.Get(headerID), m.Header.Get(headerSource), m.Header.Get(headerTime), m.Header.Get(headerSequence), m.Header.Get(headerPrevious), m.Data)
	f.Add("oracle.00000000000000ab.claim.repo/0/claim/x", "1", "/gw-1/0/claim/repo", "", "0", "", []byte(nil))
	f.Add("oracle.00000000000000ab.reading.", "", "////", "", "-1", "zz", []byte(nil))
	fuzztest.Run(f, func(t *testing.T, subject, id, source, at, sequence, previous string, body []byte) {
		r, writer, err := decode(subject, nats.Header{
			headerID: {id}, headerSource: {source}, headerTime: {at}, headerSequence: {sequence}, headerPrevious: {previous},
		}, body)
		if err != nil {
			return
		}
		m := encode(r, writer, scope{"0123456789abcdef"})
		again, writerAgain, err := decode(m.Subject, m.Header, m.Data)
		if err != nil || writer != writerAgain || !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v of %s came back as %+v of %s, %v", r, writer, again, writerAgain, err)
		}
	})
}

// FuzzHeads opens a file of high-water marks with anything in it.
func FuzzHeads(f *testing.F) {
	dir := f.TempDir()
	h, err := openHeads(filepath.Join(dir, "heads"), func(string) error { return nil })
	if err != nil {
		f.Fatal(err)
	}
	for n := range uint64(3) {
		if err := h.write(streamRaw, head{Sequence: n + 1, Stream: n + 9, Appended: time.UnixMilli(5), Digest: dodona.Keccak256()}); err != nil {
			f.Fatal(err)
		}
	}
	if err := h.close(); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "heads"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:200])
	f.Add(bytes.Repeat([]byte{0xff}, 700))
	fuzztest.Run(f, func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "heads"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := openHeads(filepath.Join(dir, "heads"), func(string) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range streams {
			mark := h.read(s.name)
			mark.Sequence++
			if mark.Sequence == 0 {
				continue
			}
			if err := h.write(s.name, mark); err != nil {
				t.Fatal(err)
			}
			if got := h.read(s.name); got.Sequence != mark.Sequence {
				t.Fatalf("wrote mark %d, read %d", mark.Sequence, got.Sequence)
			}
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTornMarkLeavesTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	h, err := openHeads(filepath.Join(dir, "heads"), func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(4) {
		if err := h.write(streamRaw, head{Sequence: n + 1}); err != nil {
			t.Fatal(err)
		}
	}
	a, b := slotsOf(streamRaw)
	for _, slot := range []int{a, b} {
		if data, _ := h.readSlot(slot); data[7] == 4 { // the newest
			if _, err := h.file.WriteAt([]byte{0xee}, int64(slot)*slotSize+10); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if h, err = openHeads(filepath.Join(dir, "heads"), func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := h.read(streamRaw); got.Sequence != 3 {
		t.Fatalf("mark is %d, want 3", got.Sequence)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}
