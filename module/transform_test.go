package module

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
)

func TestTransformExtractsFirstAndThenRunsTheModule(t *testing.T) {
	host := fullHost()
	host.Reading = func(context.Context, string) (dodona.Reading, error) {
		return dodona.Reading{Body: []byte("42"), Received: time.UnixMilli(77)}, nil
	}
	host.State = func(feed dodona.FeedID) map[string][]byte {
		return map[string][]byte{"feed": {feed[0]}}
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	id, idLen := s.text("out")
	sensor, sensorLen := s.text("boiler")
	s.call("from_id", 0, outAt, 10)
	s.call("from_value", 0, outAt+16, outAt+24, outAt+32)
	s.call("point", id, idLen, 7, 0, 0, 0, 0, 0)
	s.call("read_sensor", sensor, sensorLen)
	ev := s.event(dodona.Reading{Source: "tank", Body: []byte(`{"level":-1.25}`), Received: time.UnixMilli(1_700_000_000_000)})
	x, err := extract.New(extract.Rules{"tank": {"": {Pointer: "/level"}}})
	if err != nil {
		t.Fatal(err)
	}
	call := dodona.Call{Feed: ev.Feed, Round: ev.Round, Readings: ev.Readings}
	r, err := m.Transform([]string{"tank"}, x).Apply(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	want := []dodona.Point{{ID: "out", Value: number(t, "7"), Time: time.UnixMilli(0).UTC()}}
	if diff := cmp.Diff(want, r.Points, compareDecimals); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	if r.Version != m.Digest() || r.Fuel == 0 || string(r.State["feed"]) != "\x01" {
		t.Errorf("version %v, fuel %d, state %q", r.Version, r.Fuel, r.State)
	}
	doc, err := parseTranscript(r.Transcript)
	if err != nil || len(doc.Calls) != 2 || doc.Calls[0].Call != callState || doc.Calls[1].Call != "read_sensor" {
		t.Fatalf("transcript %s: %v", r.Transcript, err)
	}
	if out := (Outcome{Output: doc.Output}); seenInt(out, 16) != -125 || seenInt32(out, 24) != -2 || string(seen(out, 0, 4)) != "tank" {
		t.Errorf("the guest was given %d × 10^%d of %q", seenInt(out, 16), seenInt32(out, 24), seen(out, 0, 4))
	}

	spec.Host = unreachable(t)
	again := abiModule(t, spec)
	replayed, err := Replaying(again, []string{"tank"}, x, r.Transcript).Apply(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, replayed, compareDecimals); diff != "" {
		t.Errorf("replay (-first +again):\n%s", diff)
	}
	other := bytes.Replace(r.Transcript, []byte(`"output":"`), []byte(`"output":"AAAA`), 1)
	_, err = Replaying(again, []string{"tank"}, x, other).Apply(t.Context(), call)
	if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Cause != CauseReplay {
		t.Errorf("a transcript with another output: %v", err)
	}
}

func TestTransformWithoutReadingsKeepsTheState(t *testing.T) {
	host := fullHost()
	host.State = func(dodona.FeedID) map[string][]byte { return map[string][]byte{"a": []byte("1")} }
	spec := capable(t, host)
	m := abiModule(t, spec)
	broken := func(context.Context, dodona.Call) (dodona.Result, error) { return dodona.Result{}, errors.New("asked") }
	r, err := m.Transform(nil, transformFunc(broken)).Apply(t.Context(), dodona.Call{})
	if err != nil || len(r.Points) > 0 || r.Fuel != 0 || string(r.State["a"]) != "1" || r.Version != m.Digest() {
		t.Errorf("got %+v, %v", r, err)
	}
	if got := m.Status().Events; got != 0 {
		t.Errorf("the module ran %d events", got)
	}
	spec.Host = unreachable(t)
	again, err := Replaying(abiModule(t, spec), nil, nil, r.Transcript).Apply(t.Context(), dodona.Call{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Errorf("replay (-first +again):\n%s", diff)
	}
}

type transformFunc func(context.Context, dodona.Call) (dodona.Result, error)

func (f transformFunc) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	return f(ctx, c)
}

func TestTransformOfAFailedModuleSaysWhy(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	s := newScript(t, "core")
	s.code = 3
	p, n := s.text("out")
	s.call("point", p, n, 7, 0, 0, 0, 0, 0)
	s.call("fail", 5, p, n)
	ev := s.event()
	r, err := m.Transform(nil, nil).Apply(t.Context(), dodona.Call{Readings: ev.Readings})
	if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Cause != CauseGuest || failed.Code != 5 || failed.Detail != "out" {
		t.Errorf("got %v", err)
	}
	if len(r.Points) > 0 || r.Fuel == 0 || r.Version != m.Digest() {
		t.Errorf("got %+v", r)
	}
	broken := func(context.Context, dodona.Call) (dodona.Result, error) { return dodona.Result{}, errors.New("asked") }
	if _, err := m.Transform(nil, transformFunc(broken)).Apply(t.Context(), dodona.Call{Readings: ev.Readings}); err == nil || !strings.Contains(err.Error(), "asked") {
		t.Errorf("an extraction that fails: %v", err)
	}
}

// TestTransformOfAnEventThatNeverBeganKeepsTheState: the one instance is in use until nobody waits any longer.
func TestTransformOfAnEventThatNeverBeganKeepsTheState(t *testing.T) {
	host := fullHost()
	host.State = func(dodona.FeedID) map[string][]byte { return map[string][]byte{"a": []byte("1")} }
	m := abiModule(t, capable(t, host))
	in, failed := m.plain.take(t.Context())
	if failed != nil {
		t.Fatal(failed)
	}
	defer func() {
		m.plain.put(in)
		m.plain.free()
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	call := dodona.Call{Readings: []dodona.Reading{{Source: "tank", Body: []byte("{}")}}}
	r, err := m.Transform(nil, nil).Apply(ctx, call)
	if busy := (*Error)(nil); !errors.As(err, &busy) || busy.Cause != CauseBusy {
		t.Errorf("error %v, want cause busy", err)
	}
	if string(r.State["a"]) != "1" {
		t.Errorf("the module has forgotten its state: it has %v", r.State)
	}
}
