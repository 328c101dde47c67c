package module

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/capability"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// fullHost is a host that has everything and says no to all of it.
func fullHost() abi.Host {
	return abi.Host{
		Number:  extract.Number,
		Reading: func(context.Context, string) (dodona.Reading, error) { return dodona.Reading{}, dodona.ErrNotFound },
		Get:     func(context.Context, string, int) (int, []byte, error) { return 404, nil, nil },
		Serial:  func(context.Context, string) (abi.Port, error) { return nil, dodona.ErrNotFound },
		State:   func(dodona.FeedID) map[string][]byte { return nil },
	}
}

// unreachable is a host that no replay may ask.
func unreachable(t *testing.T) abi.Host {
	asked := func(what string) { t.Errorf("a replay asked the host for %s", what) }
	return abi.Host{
		Number: extract.Number,
		Reading: func(context.Context, string) (dodona.Reading, error) {
			asked("a reading")
			return dodona.Reading{}, dodona.ErrNotFound
		},
		Get: func(context.Context, string, int) (int, []byte, error) {
			asked("a URL")
			return 0, nil, errors.New("asked")
		},
		Serial: func(context.Context, string) (abi.Port, error) {
			asked("a port")
			return nil, errors.New("asked")
		},
		State: func(dodona.FeedID) map[string][]byte {
			asked("the state")
			return nil
		},
	}
}

func capable(t testing.TB, host abi.Host) Spec {
	t.Helper()
	s := abiGuest(t, "capability")
	s.Host = host
	s.Capabilities = manifest.Capabilities{
		HTTPGet: &manifest.HTTPGet{Hosts: []string{"a.example"}, Bytes: 1000}, ReadSensor: []string{"boiler", "pump"}, Serial: []string{"meter"},
		NowMS: true, Random: true, Verify: true, State: true,
	}
	s.Limits.Fuel = 100_000_000
	return s
}

// replays runs the event again from its own transcript, on a node whose host must not be asked, and wants the same.
func replays(t *testing.T, s Spec, ev Event, want Outcome) {
	t.Helper()
	s.Host = unreachable(t)
	m := abiModule(t, s)
	ev.Recorded, ev.Replay = want.Transcript, true
	got, err := m.Run(t.Context(), ev)
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	if diff := cmp.Diff(want.Points, got.Points, compareDecimals); diff != "" || !bytes.Equal(got.Output, want.Output) ||
		!bytes.Equal(got.Transcript, want.Transcript) || got.Fuel != want.Fuel || !maps.EqualFunc(got.State, want.State, bytes.Equal) {
		t.Errorf("replay differs: fuel %d and %d, state %q and %q, points %s\noutput %q and %q\ntranscript %q and %q",
			got.Fuel, want.Fuel, got.State, want.State, diff, got.Output, want.Output, got.Transcript, want.Transcript)
	}
}

func TestGuestIsToldWhatAURLAnswers(t *testing.T) {
	host := fullHost()
	answers := map[string]struct {
		status int
		body   string
		err    error
		code   int64
	}{
		"price":   {200, "43218.55", nil, 8},
		"created": {201, "", nil, 0},
		"moved":   {302, "ignored", nil, -1302},
		"down":    {503, "", nil, -1503},
		"denied":  {0, "", fmt.Errorf("get: %w", egress.ErrNotGranted), -abi.EACCES},
		"often":   {0, "", fmt.Errorf("get: %w", egress.ErrRate), -abi.EAGAIN},
		"large":   {0, "", fmt.Errorf("get: %w", egress.ErrTooLarge), -abi.ENOSPC},
		"larger":  {200, strings.Repeat("x", 1001), nil, -abi.ENOSPC},
		"slow":    {0, "", context.DeadlineExceeded, -abi.ETIMEDOUT},
		"late":    {0, "", os.ErrDeadlineExceeded, -abi.ETIMEDOUT},
		"broken":  {0, "", errors.New("tls: broken"), -abi.EIO},
		"odd":     {0, "", egress.ErrURL, -abi.EINVAL},
	}
	host.Get = func(_ context.Context, url string, limit int) (int, []byte, error) {
		a, found := answers[strings.TrimPrefix(url, "https://a.example/")]
		if !found || limit != 1000 {
			t.Errorf("asked for %s of %d bytes", url, limit)
		}
		return a.status, []byte(a.body), a.err
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	for path, want := range answers {
		s := newScript(t, "capability")
		p, n := s.text("https://a.example/" + path)
		s.call("http_get", p, n)
		s.call("result_read", outAt, 2, 100)
		s.call("result_ms")
		ev := s.event()
		got, out := s.run(m, ev)
		if got[0] != want.code {
			t.Errorf("%s: got %d, want %d", path, got[0], want.code)
		}
		wantRead, wantMs := max(want.code-2, 0), false
		if want.code >= 0 {
			wantMs = true
		}
		if ago := time.Now().UnixMilli() - got[2]; got[1] != wantRead || wantMs != (ago >= 0 && ago < 60_000) || !wantMs && got[2] != minMillis {
			t.Errorf("%s: read %d bytes, received at %d", path, got[1], got[2])
		}
		if b := seen(out, 0, int(got[1])); wantRead > 0 && string(b) != want.body[2:] {
			t.Errorf("%s: read %q", path, b)
		}
		replays(t, spec, ev, out)
	}
}

// TestInstancesOfOneModuleShareItsRate has every event stopped, so that the next one is another instance's. What is fetched is
// this machine, which is granted here and never dialled.
func TestInstancesOfOneModuleShareItsRate(t *testing.T) {
	spec := capable(t, fullHost())
	spec.Host.Get, spec.Capabilities.HTTPGet = nil, &manifest.HTTPGet{Hosts: []string{"127.0.0.1"}, PerSecond: 1}
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	p, n := s.text("https://127.0.0.1/")
	s.call("http_get", p, n)
	s.call("http_get", memoryEnd, 1)
	begun, asked := time.Now(), 0
	for i := range 6 {
		out, _ := failing(t, m, s.event(), CausePointer)
		switch {
		case bytes.Contains(out.Transcript, fmt.Appendf(nil, `"code":-%d}`, abi.EACCES)):
			asked++
		case i == 0 || !bytes.Contains(out.Transcript, fmt.Appendf(nil, `"code":-%d}`, abi.EAGAIN)):
			t.Errorf("event %d: transcript %s", i, out.Transcript)
		}
	}
	if most := 1 + int(time.Since(begun)/time.Second); asked > most {
		t.Errorf("%d events were let out, want at most %d: 1 a second is granted", asked, most)
	}
}

func TestCallsAreCounted(t *testing.T) {
	host := fullHost()
	var asked int
	host.Get = func(context.Context, string, int) (int, []byte, error) { asked++; return 200, []byte("x"), nil }
	host.Reading = func(context.Context, string) (dodona.Reading, error) {
		asked++
		return dodona.Reading{Body: []byte("body"), Received: time.UnixMilli(77)}, nil
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	for name, most := range map[string]int{"http_get": maxGets, "read_sensor": maxSensors} {
		asked = 0
		s := newScript(t, "capability")
		p, n := s.text("boiler")
		for range most + 1 {
			s.call(name, p, n)
		}
		s.call("result_read", outAt, 0, 10)
		ev := s.event()
		got, out := s.run(m, ev)
		if asked != most || got[most-1] < 0 || got[most] != -abi.ENOSPC || got[most+1] != 0 {
			t.Errorf("%s: the host was asked %d times; call %d got %d, the one after it %d, and then %d bytes are staged",
				name, asked, most, got[most-1], got[most], got[most+1])
		}
		if out.Calls[name] != most+1 {
			t.Errorf("%s: %d calls are counted", name, out.Calls[name])
		}
		replays(t, spec, ev, out)
	}
}

func TestTranscriptHasOnlySoMuchRoom(t *testing.T) {
	host := fullHost()
	host.Reading = func(_ context.Context, source string) (dodona.Reading, error) {
		if source == "pump" {
			return dodona.Reading{Body: []byte("small")}, nil
		}
		return dodona.Reading{Body: make([]byte, 100_000)}, nil
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	boiler, boilerLen := s.text("boiler")
	pump, pumpLen := s.text("pump")
	for range 3 {
		s.call("read_sensor", boiler, boilerLen)
	}
	s.call("read_sensor", pump, pumpLen)
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff([]int64{100_000, 100_000, -abi.ENOSPC, 5}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	replays(t, spec, ev, out)
}

func TestSensorsAreReadByName(t *testing.T) {
	host := fullHost()
	host.Reading = func(_ context.Context, source string) (dodona.Reading, error) {
		if source == "pump" {
			return dodona.Reading{}, errors.New("journal is closed")
		}
		return dodona.Reading{}, fmt.Errorf("reading of %s: %w", source, dodona.ErrNotFound)
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	for _, id := range []string{"boiler", "pump", "Boiler", "", "boiler\x00", strings.Repeat("x", 1000)} {
		p, n := s.text(id)
		s.call("read_sensor", p, n)
	}
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff([]int64{-abi.ENOENT, -abi.EIO, -abi.EACCES, -abi.EACCES, -abi.EACCES, -abi.EACCES}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	replays(t, spec, ev, out)
}

func TestTimeAndChanceAreTheRounds(t *testing.T) {
	spec := capable(t, fullHost())
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	s.call("now_ms")
	s.call("random", outAt, 40)
	s.call("random", outAt+40, 0)
	s.call("random", outAt+40, 24)
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff([]int64{int64(ev.Round), 40, 0, 24}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	// As spec/abi.md says it.
	digest := sha256.Sum256(spec.Wasm)
	seed := append([]byte("dodona random"), ev.Feed[:]...)
	seed = append(binary.BigEndian.AppendUint64(seed, uint64(ev.Round)), digest[:]...)
	want := make([]byte, 64)
	_, _ = rand.NewChaCha8(sha256.Sum256(seed)).Read(want)
	if !bytes.Equal(seen(out, 0, 64), want) {
		t.Errorf("got the bytes %x, want %x", seen(out, 0, 64), want)
	}
	replays(t, spec, ev, out)
	ev.Round++
	if _, other := s.run(m, ev); bytes.Equal(seen(other, 0, 64), want) {
		t.Error("the next round draws the same bytes")
	}
}

func TestStateIsWhatTheLastEventLeft(t *testing.T) {
	host := fullHost()
	kept := map[string][]byte{"count": []byte("7"), "old": []byte("x")}
	host.State = func(feed dodona.FeedID) map[string][]byte {
		if feed == (dodona.FeedID{1}) {
			return kept
		}
		return nil
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	key := func(text string) (int64, int64) { return s.text(text) }
	count, countLen := key("count")
	old, oldLen := key("old")
	none, noneLen := key("none")
	eight, eightLen := key("8")
	s.call("state_get", count, countLen)
	s.call("result_read", outAt, 0, 10)
	s.call("result_ms")
	s.call("state_get", none, noneLen)
	s.call("result_read", outAt+8, 0, 10) // a failed call has emptied the slot
	s.call("state_put", count, countLen, eight, eightLen)
	s.call("state_put", old, oldLen, 0, 0)
	s.call("state_put", none, noneLen, 0, 0)
	s.call("state_get", count, countLen)
	s.call("result_read", outAt+16, 0, 10)
	s.call("state_get", old, oldLen)
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff([]int64{1, 1, minMillis, -abi.ENOENT, 0, 0, 0, 0, 1, 1, -abi.ENOENT}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if string(seen(out, 0, 1)) != "7" || string(seen(out, 16, 1)) != "8" {
		t.Errorf("read %q and %q", seen(out, 0, 1), seen(out, 16, 1))
	}
	if diff := cmp.Diff(map[string][]byte{"count": []byte("8")}, out.State); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if len(kept) != 2 || string(kept["count"]) != "7" {
		t.Errorf("the host's own state is now %q", kept)
	}
	replays(t, spec, ev, out)

	s.code = 1
	if out, _ := failing(t, m, s.event(), CauseGuest); string(out.State["count"]) != "7" || len(out.State) != 2 {
		t.Errorf("a failed event left the state %q", out.State)
	}
}

func TestStateIsBounded(t *testing.T) {
	spec := capable(t, fullHost())
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	var want []int64
	put := func(key string, size int64, code int64) {
		p, n := s.text(key)
		s.call("state_put", p, n, 0, size)
		want = append(want, code)
	}
	put("", 1, -abi.EINVAL)
	put(strings.Repeat("k", maxStateKey+1), 1, -abi.EINVAL)
	put(strings.Repeat("k", 10_000), 1, -abi.EINVAL)
	put("a\nb", 1, -abi.EINVAL)
	put("\xff", 1, -abi.EINVAL)
	put(strings.Repeat("k", maxStateKey), maxStateBytes-maxStateKey+1, -abi.ENOSPC)
	put(strings.Repeat("k", maxStateKey), maxStateBytes-maxStateKey, 0)
	put("a", 1, -abi.ENOSPC)
	put(strings.Repeat("k", maxStateKey), 1, 0)
	for i := range maxStateKeys - 1 {
		put(string(rune('a'+i)), 1, 0)
	}
	put("z", 1, -abi.ENOSPC)
	put("a", 2, 0)
	put("a", 0, 0)
	put("z", 1, 0)
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if err := capability.CheckState(out.State); err != nil || len(out.State) != maxStateKeys {
		t.Errorf("%d keys are left: %v", len(out.State), err)
	}
	replays(t, spec, ev, out)
}

func TestReplayThatAsksForSomethingElseFails(t *testing.T) {
	host := fullHost()
	host.Get = func(context.Context, string, int) (int, []byte, error) { return 200, []byte("1"), nil }
	spec := capable(t, host)
	m := abiModule(t, spec)
	asking := func(urls ...string) Event {
		s := newScript(t, "capability")
		for _, url := range urls {
			p, n := s.text(url)
			s.call("http_get", p, n)
		}
		return s.event()
	}
	out, err := m.Run(t.Context(), asking("https://a.example/1", "https://a.example/2"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		ev       Event
		recorded []byte
		want     string
	}{
		{"another request", asking("https://a.example/1", "https://a.example/3"), out.Transcript, `asked for http_get "https://a.example/3" where the transcript has http_get "https://a.example/2"`},
		{"one more", asking("https://a.example/1", "https://a.example/2", "https://a.example/2"), out.Transcript, "which the transcript does not have"},
		{"one less", asking("https://a.example/1"), out.Transcript, "it did not ask for"},
		{"no transcript", asking("https://a.example/1"), nil, "which the transcript does not have"},
		{"a broken one", asking("https://a.example/1"), []byte(`{"calls":[`), "read transcript"},
		{"one with a space", asking(), append([]byte(" "), out.Transcript...), "canonical"},
	} {
		c.ev.Recorded, c.ev.Replay = c.recorded, true
		if _, failed := failing(t, m, c.ev, CauseReplay); !strings.Contains(failed.Detail, c.want) {
			t.Errorf("%s: %s, want %s", c.name, failed.Detail, c.want)
		}
	}
}

func TestWatchdogsAnswerIsNone(t *testing.T) {
	host := fullHost()
	ctx, cancel := context.WithCancel(t.Context())
	host.Get = func(ctx context.Context, _ string, _ int) (int, []byte, error) {
		cancel()
		<-ctx.Done()
		return 0, nil, ctx.Err()
	}
	m := abiModule(t, capable(t, host))
	s := newScript(t, "capability")
	p, n := s.text("https://a.example/")
	s.call("http_get", p, n)
	out, err := m.Run(ctx, s.event())
	if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Cause != CauseDeadline || out.Transcript != nil {
		t.Errorf("got %v and the transcript %q", err, out.Transcript)
	}
}
