package journal

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/nats-io/nats.go/jetstream"
)

// wantNewStreams checks that a journal that wrote twelve records to each stream, all lost, goes on in new ones.
func wantNewStreams(t *testing.T, j *Journal, began time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := j.Append(ctx, reading(100)); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(ctx, reading(0)); err != nil { // no duplicate: what was there is gone
		t.Fatal(err)
	}
	if err := j.Append(ctx, claim("report.x.ab", 0)); err != nil {
		t.Fatalf("a claim that was decided on what is there: %v", err)
	}
	got := all(t, j, dodona.TopicReading, "kraken")
	if len(got) != 2 || got[0].Sequence != 13 {
		t.Errorf("%d readings, the first with sequence %d; want two behind the twelve that are lost", len(got), got[0].Sequence)
	}
	losses, err := j.Audit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lost := make(map[string]Loss)
	for _, l := range losses {
		lost[l.Stream] = l
	}
	for _, stream := range []string{streamRaw, streamProof} {
		if l := lost[stream]; l.From != 1 || l.To != 12 {
			t.Errorf("%s: lost %d to %d, want 1 to 12", stream, l.From, l.To)
		}
	}
	if len(losses) != 2 {
		t.Errorf("losses %+v, want one of each stream", losses)
	}
	if forgot, err := j.Forgot(ctx); err != nil || forgot.Before(began) || forgot.After(time.Now()) {
		t.Errorf("the claims were lost at %s, after %s, %v", forgot, began, err)
	}
	if recs := read(t, j, "me", 2, dodona.TopicReading); len(recs) != 2 || recs[0].ID != "100" {
		t.Errorf("the reader goes on with %+v", recs)
	}
}

// twelve appends twelve records to each stream and reads those of RAW.
func twelve(t *testing.T, j *Journal) {
	t.Helper()
	began := time.Now()
	for i := range 12 {
		if err := j.Append(t.Context(), reading(i), claim("report.x.ab", i)); err != nil {
			t.Fatal(err)
		}
	}
	read(t, j, "me", 12, dodona.TopicReading)
	if forgot, err := j.Forgot(t.Context()); err != nil || forgot.After(began) {
		t.Fatalf("nothing was lost since it was opened at %s, and yet it was forgotten at %s, %v", began, forgot, err)
	}
}

// TestLostStreamsAreMadeAnewWhileTheNodeRuns: they are gone from the server, whose other streams stay.
func TestLostStreamsAreMadeAnewWhileTheNodeRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	t.Parallel()
	server := open(t, Config{Listen: "127.0.0.1:0"})
	network := dodona.Digest{7}
	j := joinAs(t, server, "gw-1", network)
	other := joinAs(t, server, "gw-2", network)
	twelve(t, j)
	// This reader is in the middle of reading, behind places that the new stream has again.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := make(chan string, 100)
	var reading sync.WaitGroup
	reading.Go(func() {
		for recs, err := range j.From(ctx, "steady", dodona.TopicReading) {
			for _, r := range recs {
				seen <- r.ID
			}
			if err != nil {
				return
			}
		}
	})
	defer reading.Wait()
	defer cancel()
	for range 12 {
		<-seen
	}
	began := time.Now()
	for _, name := range newNames(network) {
		if err := server.js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	wantNewStreams(t, j, began)
	select {
	case id := <-seen:
		if id != "100" {
			t.Errorf("the reader that was reading goes on with %s, want the first of the new stream", id)
		}
	case <-ctx.Done():
		t.Error("the reader that was reading sees nothing of the new stream")
	}
	// Who finds the stream made anew by another one knows as well that claims were lost.
	if err := other.Append(ctx, claim("report.y.cd", 0)); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	third := joinAs(t, server, "gw-3", network)
	if forgot, err := third.Forgot(ctx); err != nil || forgot.Before(began) {
		t.Errorf("a node that comes later thinks that claims were lost at %s, %v", forgot, err)
	}
	if _, err := third.Last(t.Context(), dodona.TopicClaim, "report.x.ab"); err != nil && !errors.Is(err, dodona.ErrNotFound) {
		t.Error(err)
	}
}

// TestLostStreamsAreMadeAnewAtTheNextStart of a node that was away.
func TestLostStreamsAreMadeAnewAtTheNextStart(t *testing.T) {
	server := open(t, Config{Listen: "127.0.0.1:0"})
	cfg := Config{Dir: t.TempDir(), Node: "gw-1", Network: dodona.Digest{7}, URL: "nats://" + server.Addr().String()}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	twelve(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, name := range newNames(cfg.Network) {
		if err := server.js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	wantNewStreams(t, open(t, cfg), began)
}

// TestTheOwnerOfAStreamIsTheOneOfNow: at the address of a server comes one that keeps the network, or one that does not.
func TestTheOwnerOfAStreamIsTheOneOfNow(t *testing.T) {
	server := open(t, Config{Listen: "127.0.0.1:0"})
	l := joinAs(t, server, "gw-1", dodona.Digest{7}).lanes[streamProof]
	if owner := l.owner(); owner != "" {
		t.Fatalf("%q owns the stream that this process made", owner)
	}
	made := l.stream.CachedInfo().Config
	made.Metadata = maps.Clone(made.Metadata)
	made.Metadata[ownerKey] = foreign
	anew := func() {
		if err := server.js.DeleteStream(t.Context(), l.streamName); err != nil {
			t.Fatal(err)
		}
		if _, err := server.js.CreateStream(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, want string
		change     func()
	}{
		{"another stream, which has an owner", foreign, anew},
		{"the same stream, without one since", "", func() {
			delete(made.Metadata, ownerKey)
			if _, err := server.js.UpdateStream(t.Context(), made); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		c.change()
		l.keepHouse(t.Context())
		if owner := l.owner(); owner != c.want {
			t.Errorf("%s: owned by %q, want %q", c.what, owner, c.want)
		}
	}
}

func TestWhenAStreamWasMade(t *testing.T) {
	now := clockSet.AddDate(1, 0, 0)
	seen := now.Add(-time.Second)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct{ created, marked, want time.Time }{
		"clocks agree, the server's later":    {at(-time.Hour), at(-time.Hour - time.Second), at(-time.Hour)},
		"clocks agree, the maker's later":     {at(-time.Hour), at(-time.Hour + time.Second), at(-time.Hour + time.Second)},
		"a little ahead":                      {at(clocksApart), at(-time.Second), at(clocksApart)},
		"the server behind":                   {at(-24 * time.Hour), at(-time.Minute), at(-time.Minute)},
		"the maker behind":                    {at(-time.Minute), time.Unix(0, 0), at(-time.Minute)},
		"the server ahead":                    {at(10 * time.Hour), at(-time.Minute), seen},
		"the server ahead, the maker later":   {at(10 * time.Hour), at(time.Second), at(time.Second)},
		"the maker ahead":                     {at(-time.Minute), at(10 * time.Hour), seen},
		"both ahead: this one may be behind":  {at(10 * time.Hour), at(11 * time.Hour), at(11 * time.Hour)},
		"no clock was set":                    {time.Unix(0, 0), time.Unix(100, 0), seen},
		"made by a version that did not mark": {at(-time.Hour), time.Time{}, at(-time.Hour)},
		"by such a version, the clock unset":  {time.Unix(0, 0), time.Time{}, seen},
		"by such a version, the server ahead": {at(10 * time.Hour), time.Time{}, at(10 * time.Hour)},
	} {
		if got := madeBy(c.created, c.marked, now, seen); !got.Equal(c.want) {
			t.Errorf("%s: made before %v, want %v", name, got, c.want)
		}
	}
}

// TestAHoleThatTheAuditFindsIsForgotten: what is missing in the middle may have been the newest claim of a key.
func TestAHoleThatTheAuditFindsIsForgotten(t *testing.T) {
	j := open(t, Config{})
	for n := range 3 {
		if err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: strconv.Itoa(n)}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now().Truncate(time.Millisecond)
	if err := j.lanes[streamProof].stream.SecureDeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 1 {
		t.Fatalf("the audit finds %+v, %v", losses, err)
	}
	if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(began) {
		t.Errorf("forgotten until %v, %v; a claim was lost at %v", forgot, err, began)
	}
}

// gone is a stream that the server does not have.
type gone struct{ jetstream.Stream }

func (gone) Info(context.Context, ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	return nil, jetstream.ErrStreamNotFound
}

// TestAStreamIsMadeAnewOnceItWasGoneForThreeSeconds: before, the server may be about to find it.
func TestAStreamIsMadeAnewOnceItWasGoneForThreeSeconds(t *testing.T) {
	j := open(t, Config{})
	for ago, want := range map[time.Duration]string{
		-1: "the server has no such stream", 0: "the server has no such stream", 2 * time.Second: "the server has no such stream",
		3 * time.Second: "make the stream anew: it shakes", time.Hour: "make the stream anew: it shakes",
	} {
		l := &lane{j: &Journal{js: &shaky{JetStream: j.js, fails: 1}, bus: j.bus, cfg: j.cfg}, spec: j.lanes[streamRaw].spec, stream: gone{}}
		if ago >= 0 {
			l.goneSince = time.Now().Add(-ago)
		}
		anew, err := l.meet(t.Context())
		if anew || err == nil || err.Error() != want || l.goneSince.IsZero() {
			t.Errorf("gone for %s: anew %t, %v; want %q", ago, anew, err, want)
		}
	}
}

// TestAStreamThatWasThereBeforeIsDoubted: what a new one lacks nobody can say, unless the folder is as new.
func TestAStreamThatWasThereBeforeIsDoubted(t *testing.T) {
	j := open(t, Config{})
	for i, used := range []bool{true, false} {
		cfg := j.cfg
		cfg.Network = dodona.Digest{9, byte(i)}
		net := scopeOf(cfg.Network)
		other := &Journal{js: j.js, bus: j.bus, cfg: cfg, net: net, local: j.local, heads: j.heads, writer: j.writer, used: used}
		spec := j.lanes[streamRaw].spec
		l := &lane{j: other, spec: spec, streamName: net.stream(spec.name)}
		stream, err := l.openStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if made := stream.CachedInfo().Config.Metadata[madeKey]; l.doubted != used || (made != "") != used {
			t.Errorf("used %t: doubted %t, made %q", used, l.doubted, made)
		}
	}
}
