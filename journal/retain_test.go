package journal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

var body8k = []byte(strings.Repeat("x", 8<<10))

func TestFullStreamFreesTheOldest(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB}})
	for i := range 1000 { // four times the limit
		r := reading(i)
		r.Body = body8k
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	var raw StreamStatus
	for range 600 { // what is being freed now is counted a moment later
		raw = j.Status(t.Context()).Streams[0]
		if raw.Records+raw.Freed == 1000 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if raw.Freed == 0 || raw.Bytes > raw.Limit || raw.Records+raw.Freed != 1000 {
		t.Fatalf("%+v, want freed records, within the limit, none uncounted", raw)
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit takes what was freed for lost: %+v, %v", losses, err)
	}
}

func TestFreedRecordsAreNoLossAfterReopening(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	dir := t.TempDir()
	cfg := Config{Dir: dir, Node: "gw-1", Raw: Limits{Bytes: 2 * unit.MiB}}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		r := reading(i)
		r.Body = body8k
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg)
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
}

func TestFullStreamWaitsForItsReaders(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB}})
	if err := j.Append(t.Context(), reading(0)); err != nil {
		t.Fatal(err)
	}
	read(t, j, "slow", 1, dodona.TopicReading)
	var err error
	n := 1
	for ; err == nil && n < 1000; n++ {
		r := reading(n)
		r.Body = body8k
		err = appendUntilBlocked(t, j, r)
	}
	n-- // the last one did not fit
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "reader slow has not finished") || errors.Is(err, ErrUnknown) {
		t.Fatalf("append to a full stream: %v, want it to name the reader", err)
	}
	if n < 150 {
		t.Fatalf("only %d records fit", n)
	}
	// Nothing was freed, and the reader finds everything; when it has, there is room.
	blocked := make(chan error, 1)
	go func() {
		r := reading(n)
		r.Body = body8k
		blocked <- j.Append(t.Context(), r)
	}()
	recs := read(t, j, "slow", n-1, dodona.TopicReading)
	if recs[0].ID != "1" {
		t.Fatalf("first record is %s", recs[0].ID)
	}
	if err := <-blocked; err != nil {
		t.Fatalf("append once the reader has finished: %v", err)
	}
}

func TestOldRecordsAreFreed(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB, Age: time.Nanosecond}})
	<-j.lanes[streamRaw].house.turned // after the start; the next turn of its own comes later
	for i := range 10 {
		if err := j.Append(t.Context(), reading(i)); err != nil {
			t.Fatal(err)
		}
	}
	j.lanes[streamRaw].keepHouse(t.Context())
	if raw := j.Status(t.Context()).Streams[0]; raw.Records != 0 || raw.Freed != 10 {
		t.Fatalf("%+v, want all 10 freed", raw)
	}
	if err := j.Append(t.Context(), reading(10)); err != nil {
		t.Fatal(err)
	}
	if got := all(t, j, dodona.TopicReading, "kraken"); len(got) != 1 || got[0].Sequence != 11 {
		t.Fatalf("the stream holds %+v", got)
	}
}

// TestAStreamWithoutALimitIsLetBe: somebody took the limit away. It is freed by the configured one, and gets no other one while a reader is away.
func TestAStreamWithoutALimitIsLetBe(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: unit.MiB}, Proof: Limits{Bytes: unit.MiB}})
	for _, stream := range []string{streamRaw, streamProof} {
		l := j.lanes[stream]
		if _, err := l.change(t.Context(), func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
			cfg.MaxBytes = -1
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, j, 0, 10)
	event := dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "first"}
	if err := j.Append(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	read(t, j, "away", 1, dodona.TopicEvent)
	for n := range 130 {
		if err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: strconv.Itoa(n), Body: body8k}); err != nil {
			t.Fatal(err)
		}
	}
	for stream, want := range map[string]uint64{streamRaw: 10, streamProof: 130} {
		l := j.lanes[stream]
		for range 2 {
			l.keepHouse(t.Context())
		}
		if info, err := l.stream.Info(t.Context()); err != nil || info.State.Msgs < want || info.Config.MaxBytes > 0 {
			t.Errorf("%s: %d of at least %d records are left, and it has a limit of %d bytes, %v", stream, info.State.Msgs, want, info.Config.MaxBytes, err)
		}
	}
}

func TestLastClaimOutlivesRetention(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	for _, limits := range []Limits{{Bytes: 2 * unit.MiB}, {Bytes: 256 * unit.MiB, Age: time.Nanosecond}} {
		j := open(t, Config{Proof: limits})
		const dead = "report.dead.abc"
		for i := range 3 {
			if err := j.Append(t.Context(), claim(dead, i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 600 {
			r := dodona.Record{Topic: dodona.TopicObservation, Key: "btc.usd", ID: strconv.Itoa(i), Body: body8k}
			if err := j.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		j.lanes[streamProof].keepHouse(t.Context())
		if proof := j.Status(t.Context()).Streams[1]; proof.Freed < 100 {
			t.Fatalf("%+v: nothing was freed", proof)
		}
		last, err := j.Last(t.Context(), dodona.TopicClaim, dead)
		if err != nil || last.ID != "2-0xab" {
			t.Fatalf("last claim: %+v, %v", last, err)
		}
		if err := j.Append(t.Context(), claim(dead, 3)); err != nil {
			t.Fatalf("next claim: %v", err)
		}
		if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
			t.Fatalf("audit: %+v, %v", losses, err)
		}
	}
}

// TestTheLargestLimitsCount, whoever of a network frees: also those of a process that is away, until it is for a month.
func TestTheLargestLimitsCount(t *testing.T) {
	h := open(t, Config{Listen: "127.0.0.1:0", Network: dodona.Digest{9}})
	start := func(node string, limits Limits, told io.Writer) *Journal {
		j, err := Open(t.Context(), Config{
			Dir: t.TempDir(), Node: node, URL: "nats://" + h.Addr().String(), Proof: limits, Log: slog.New(slog.NewTextHandler(told, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		j.lanes[streamProof].keepHouse(t.Context())
		return j
	}
	var told logtest.Text
	want := func(j *Journal, when string, limit unit.Size, kept bool, unlike string) {
		t.Helper()
		l := j.lanes[streamProof]
		l.keepHouse(t.Context())
		info, err := l.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s := j.Status(t.Context()).Streams[1]; info.Config.MaxBytes != int64(limit) || (info.State.Msgs == 30) != kept || s.Unlike != unlike || s.Limit != uint64(limit) {
			t.Errorf("%s: %d records and a limit of %d, and it says %q (%d); want a limit of %s, all kept: %t, and %q",
				when, info.State.Msgs, info.Config.MaxBytes, s.Unlike, s.Limit, limit, kept, unlike)
		}
	}
	small := Limits{Bytes: unit.MiB, Age: time.Nanosecond}
	const unlike = "node gw-7 keeps 64MiB, and this one 1MiB (journal.proof.bytes); node gw-7 keeps records of any age, and this one those of 1ns (journal.proof.age)"

	first := start("gw-7", Limits{Bytes: 64 * unit.MiB}, io.Discard)
	appendEvents(t, first, "before", 30, 100<<10)
	other := start("off", small, &told)
	want(other, "beside it", 64*unit.MiB, true, unlike)
	want(first, "itself", 64*unit.MiB, true, "")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	want(other, "while it is away", 64*unit.MiB, true, unlike)
	if n := told.Times("larger limits for the stream"); n != 1 {
		t.Errorf("it is told %d times, want once", n)
	}
	_, err := other.lanes[streamProof].change(t.Context(), func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
		cfg.Metadata[limitsKey+"gw-7"] = "67108864 0s 2000-01-01T00:00:00Z"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	other.lanes[streamProof].keepHouse(t.Context()) // which frees; the limit is lowered once that is done
	appendEvents(t, other, "after", 1, 1)
	l := other.lanes[streamProof]
	l.mu.Lock()
	l.wide = width{limit: uint64(64 * unit.MiB)} // for long
	l.mu.Unlock()
	want(other, "when nobody uses its name", unit.MiB, false, "")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAStreamOfSmallerLimitsIsRaisedBeforeItFrees: whoever made it had less than another process now.
func TestAStreamOfSmallerLimitsIsRaisedBeforeItFrees(t *testing.T) {
	h := open(t, Config{Listen: "127.0.0.1:0", Network: dodona.Digest{9}})
	at := "nats://" + h.Addr().String()
	a := open(t, Config{Node: "off", URL: at, Proof: Limits{Bytes: unit.MiB}})
	a.lanes[streamProof].keepHouse(t.Context())
	b := open(t, Config{Node: "gw-7", URL: at, Proof: Limits{Bytes: 64 * unit.MiB}})
	for _, j := range []*Journal{b, a} { // both know of the other one
		j.lanes[streamProof].keepHouse(t.Context())
	}
	appendEvents(t, b, "before", 95, 10<<10)
	for _, j := range []*Journal{a, b} {
		l := j.lanes[streamProof]
		l.keepHouse(t.Context())
		if info, err := l.stream.Info(t.Context()); err != nil || info.State.Msgs != 95 || info.Config.MaxBytes != int64(64*unit.MiB) {
			t.Errorf("node %s leaves %d records and a limit of %d, %v; want all 95 and 64 MiB", j.cfg.Node, info.State.Msgs, info.Config.MaxBytes, err)
		}
	}
}

// TestWhoseLimitsCount: the larger size and the longer age, each of whoever has it.
func TestWhoseLimitsCount(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	own := Limits{Bytes: 4 * unit.MiB, Age: time.Hour}
	note := func(bytes unit.Size, age, ago time.Duration) string {
		return limitsNote{Limits: Limits{bytes, age}, at: now.Add(-ago)}.String()
	}
	for name, c := range map[string]struct {
		notes map[string]string // by node; gw-1 is this one
		want  Limits
		due   bool
	}{
		"nobody noted any":          {nil, own, true},
		"this one did":              {map[string]string{"gw-1": note(own.Bytes, own.Age, time.Hour)}, own, false},
		"long ago":                  {map[string]string{"gw-1": note(own.Bytes, own.Age, limitsAgain+time.Second)}, own, true},
		"by a clock ahead":          {map[string]string{"gw-1": note(own.Bytes, own.Age, -limitsAgain-time.Second)}, own, true},
		"it had larger ones":        {map[string]string{"gw-1": note(8*unit.MiB, 0, time.Hour)}, own, true},
		"larger ones":               {map[string]string{"a": note(8*unit.MiB, 2*time.Hour, 0)}, Limits{8 * unit.MiB, 2 * time.Hour}, true},
		"smaller ones":              {map[string]string{"a": note(unit.MiB, time.Minute, 0)}, own, true},
		"one has more, one longer":  {map[string]string{"a": note(8*unit.MiB, time.Minute, 0), "b": note(unit.MiB, 2*time.Hour, 0)}, Limits{8 * unit.MiB, 2 * time.Hour}, true},
		"one keeps all":             {map[string]string{"a": note(unit.MiB, 0, 0), "b": note(unit.MiB, 9*time.Hour, 0)}, Limits{own.Bytes, 0}, true},
		"a month ago":               {map[string]string{"a": note(8*unit.MiB, 0, limitsCount)}, Limits{8 * unit.MiB, 0}, true},
		"longer ago":                {map[string]string{"a": note(8*unit.MiB, 0, limitsCount+time.Second)}, own, true},
		"when the clock was set":    {map[string]string{"a": note(8*unit.MiB, 0, 99*limitsCount), "gw-1": note(own.Bytes, own.Age, 99*limitsCount)}, Limits{8 * unit.MiB, 0}, true},
		"ahead":                     {map[string]string{"a": note(8*unit.MiB, 0, -99*limitsCount)}, Limits{8 * unit.MiB, 0}, true},
		"what nobody can read":      {map[string]string{"a": "", "b": "8388608", "c": "8388608 0s then", "d": "8388608 long 2026-12-01T00:00:00Z", "e": "-1 -1s 2026-12-01T00:00:00Z"}, own, true},
		"what a later version adds": {map[string]string{"a": note(8*unit.MiB, 0, 0) + " more"}, Limits{8 * unit.MiB, 0}, true},
	} {
		l := &lane{j: &Journal{cfg: Config{Node: "gw-1", Log: slog.New(slog.DiscardHandler)}}, spec: streams[0], limits: own}
		info := &jetstream.StreamInfo{TimeStamp: now, Config: jetstream.StreamConfig{Metadata: map[string]string{layoutKey: layout}}}
		for node, text := range c.notes {
			info.Config.Metadata[limitsKey+node] = text
		}
		if due := l.agree(info); due != c.due || l.bounds() != c.want {
			t.Errorf("%s: goes by %v, due %t; want %v, %t", name, l.bounds(), due, c.want, c.due)
		}
		l.setLimits(info.Config.Metadata, now)
		if l.agree(info); l.bounds() != c.want {
			t.Errorf("%s: goes by %v once that is noted, want %v", name, l.bounds(), c.want)
		}
		if info.Config.Metadata[ownerKey] = "9f2c41d7"; l.agree(info) || l.bounds() != own || l.stat.Unlike != "" {
			t.Errorf("%s: due in a stream with an owner, goes by %v, %q", name, l.bounds(), l.stat.Unlike)
		}
	}
}

// TestWhatIsYoungIsNotLookedFor: the server reads a block of 8 MiB to find a time, and would do so at each turn for years.
func TestWhatIsYoungIsNotLookedFor(t *testing.T) {
	var ahead atomic.Int64
	j := open(t, Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, Proof: Limits{Bytes: 16 * unit.MiB, Age: time.Hour}})
	appendRound(t, j, 0, 0, 3)
	l := j.lanes[streamProof]
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cut := l.cutByAge(t.Context(), s); cut != s.first {
		t.Errorf("cut at %d, want none before %d", cut, s.first)
	}
	if s.oldest.IsZero() {
		t.Error("the server does not say when it wrote the first record")
	}
	ahead.Store(int64(2 * time.Hour))
	if cut := l.cutByAge(t.Context(), s); cut != s.last+1 {
		t.Errorf("two hours later: cut at %d, want all before %d", cut, s.last+1)
	}
	s.oldest = s.oldest.Add(2 * time.Hour) // as if it were young: nobody is asked
	if cut := l.cutByAge(t.Context(), s); cut != s.first {
		t.Errorf("of a young one: cut at %d, want none before %d", cut, s.first)
	}
}
