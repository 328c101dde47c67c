package module

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// recorded are transcripts as events write them.
var recorded = []string{
	`{}`,
	`{"output":"AAEC"}`,
	`{"calls":[{"call":"http_get","request":"https://a.example/?a=<b>&c","code":3,"result":"eHl6","ms":1795349070123}],"output":"AAEC"}`,
	`{"calls":[{"call":"state","code":1,"result":"eyJhIjoiTVE9PSJ9"},{"call":"read_sensor","request":"boiler","code":-2}]}`,
	`{"calls":[{"call":"serial_open","request":"meter"},{"call":"serial_write","request":"0 TT8=","code":2},{"call":"serial_read","request":"0 8 100","code":-110}]}`,
	`{"calls":[{"call":"file_open","request":".","code":1,"result":"WyJhIiwiYi8iXQ=="},{"call":"file_stat","request":"a","result":"Nw=="}]}`,
}

func TestTranscriptHasOneText(t *testing.T) {
	for _, text := range recorded {
		doc, err := parseTranscript([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := doc.json(); err != nil || string(again) != text {
			t.Errorf("%s became %s (%v)", text, again, err)
		}
	}
}

func TestTranscriptThatNoEventWritesIsRefused(t *testing.T) {
	call := func(text string) string { return `{"calls":[` + text + `]}` }
	for name, text := range map[string]string{
		"empty":                   ``,
		"an array":                `[]`,
		"a blank":                 `{ }`,
		"data after it":           `{}{}`,
		"an unknown key":          `{"x":1}`,
		"an empty list":           `{"calls":[]}`,
		"an unknown call":         call(`{"call":"rm"}`),
		"a missing call":          call(`{"code":-2}`),
		"a key in capitals":       call(`{"CALL":"http_get"}`),
		"keys in another order":   call(`{"request":"a","call":"read_sensor"}`),
		"a zero that is written":  call(`{"call":"read_sensor","request":"a","code":0}`),
		"a result of an error":    call(`{"call":"read_sensor","request":"a","code":-2,"result":"eA=="}`),
		"a code above the result": call(`{"call":"read_sensor","request":"a","code":2,"result":"eA=="}`),
		"a code below the result": call(`{"call":"serial_read","request":"a","result":"eA=="}`),
		"a handle of none":        call(`{"call":"serial_open","request":"a","code":4}`),
		"a code above 32 bits":    call(`{"call":"read_sensor","request":"a","code":4294967296}`),
		"a late state":            call(`{"call":"read_sensor","request":"a","code":-2},{"call":"state","code":1,"result":"eyJhIjoiTVE9PSJ9"}`),
		"a state of other size":   call(`{"call":"state","code":2,"result":"eyJhIjoiTVE9PSJ9"}`),
		"a state that is none":    call(`{"call":"state","code":1,"result":"eA=="}`),
		"unpadded base64":         `{"output":"AAE"}`,
		"escapes":                 call(`{"call":"http_get","request":"\u0061","code":-5}`),
		"too much output":         `{"output":"` + strings.Repeat("AAAA", maxOutput) + `"}`,
		"too much":                strings.Repeat(" ", maxTranscript+1),
		"more than there is room for": call(`{"call":"http_get","request":"a","code":262144,"result":"` +
			base64.StdEncoding.EncodeToString(make([]byte, transcriptRoom)) + `"}`),
	} {
		if _, err := parseTranscript([]byte(text)); err == nil {
			t.Errorf("%s is accepted: %.200s", name, text)
		}
	}
}

func FuzzTranscript(f *testing.F) {
	for _, text := range recorded {
		f.Add([]byte(text))
	}
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		doc, err := parseTranscript(raw)
		if err != nil {
			return
		}
		again, err := doc.json()
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%q reads as a transcript whose text is %q (%v)", raw, again, err)
		}
	})
}

// FuzzReplay gives a guest that asks for everything a transcript of anybody's making.
func FuzzReplay(f *testing.F) {
	for _, text := range recorded {
		f.Add([]byte(text))
	}
	spec := capable(f, fullHost())
	m := abiModule(f, spec)
	s := newScript(f, "capability")
	text := func(t string) (int64, int64) { return s.text(t) }
	key, keyLen := text("a")
	sensor, sensorLen := text("boiler")
	port, portLen := text("meter")
	url, urlLen := text("https://a.example/?a=<b>&c")
	s.call("state_get", key, keyLen)
	s.call("http_get", url, urlLen)
	s.call("read_sensor", sensor, sensorLen)
	s.call("result_read", outAt, 0, 100)
	s.call("serial_open", port, portLen)
	s.call("serial_read", 0, outAt, 8, 100)
	ev := s.event()
	ev.Replay = true
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		ev := ev
		ev.Recorded = raw
		out, err := m.Run(t.Context(), ev)
		failed, _ := err.(*Error)
		switch {
		case failed != nil && failed.Cause != CauseReplay:
			t.Errorf("%q: %v", raw, err)
		case failed == nil && len(out.Transcript) == 0:
			t.Errorf("%q: answered without a transcript", raw)
		}
	})
}
