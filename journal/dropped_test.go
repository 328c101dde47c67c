package journal

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestWhatTheServerSaysOfAnEnd: which answers tell of a loss.
func TestWhatTheServerSaysOfAnEnd(t *testing.T) {
	j := open(t, Config{})
	appendEvents(t, j, "before", 9, 1)
	l := j.lanes[streamProof]
	now, err := l.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	here := reach{now.Created, now.State.LastSeq}
	lost := func(n int) *jetstream.LostStreamData {
		data := &jetstream.LostStreamData{}
		for i := range n {
			data.Msgs = append(data.Msgs, now.State.LastSeq-uint64(i))
		}
		return data
	}
	for name, c := range map[string]struct {
		knew    reach
		dropped int // known before
		plain   bool
		first   uint64 // places freed, as this process saw before
		change  func(info *jetstream.StreamInfo)
		want    bool
	}{
		"nothing new":                   {knew: here, change: func(*jetstream.StreamInfo) {}},
		"more records":                  {knew: here, change: func(i *jetstream.StreamInfo) { i.State.LastSeq += 5 }},
		"its end is gone":               {knew: here, change: func(i *jetstream.StreamInfo) { i.State.LastSeq-- }, want: true},
		"the answer is old":             {knew: reach{here.born, here.place - 1}, change: func(i *jetstream.StreamInfo) { i.State.LastSeq-- }},
		"asked before its end was told": {knew: reach{here.born, here.place + 3}, change: func(*jetstream.StreamInfo) {}},
		"another stream":                {knew: here, change: func(i *jetstream.StreamInfo) { i.Created, i.State.LastSeq = i.Created.Add(1), 1 }},
		"known of another one":          {knew: reach{here.born.Add(-1), here.place + 5}, change: func(*jetstream.StreamInfo) {}},
		"retention freed all": {knew: here, change: func(i *jetstream.StreamInfo) {
			i.State.FirstSeq, i.State.Msgs = i.State.LastSeq+1, 0
			setFreed(i.Config.Metadata, i.State.FirstSeq)
		}},
		"dropped, and the places given anew": {knew: here, change: func(i *jetstream.StreamInfo) { i.State.LastSeq, i.State.Lost = i.State.LastSeq+1, lost(5) }, want: true},
		"dropped before":                     {knew: here, dropped: 5, change: func(i *jetstream.StreamInfo) { i.State.Lost = lost(5) }},
		"more dropped":                       {knew: here, dropped: 5, change: func(i *jetstream.StreamInfo) { i.State.Lost = lost(6) }, want: true},
		"dropped, and noted by others": {knew: here, change: func(i *jetstream.StreamInfo) {
			i.State.Lost, i.Config.Metadata[droppedKey] = lost(5), strconv.Itoa(5)
		}},
		"missed is what retention had freed": {knew: here, change: func(i *jetstream.StreamInfo) {
			i.State.FirstSeq, i.State.Lost = i.State.LastSeq, lost(5)
			setFreed(i.Config.Metadata, i.State.FirstSeq)
			i.State.Lost.Msgs = i.State.Lost.Msgs[1:]
		}},
		"an old answer, from before places were freed": {knew: here, first: 5, change: func(i *jetstream.StreamInfo) {
			i.State.NumDeleted, i.State.Lost = 3, lost(5)
		}},
		"a purge came undone, and more is missing": {knew: here, first: 5, change: func(i *jetstream.StreamInfo) {
			i.TimeStamp, i.State.NumDeleted = i.TimeStamp.Add(time.Second), 3
		}, want: true},
		"a purge came undone, and records are dropped": {knew: here, first: 5, change: func(i *jetstream.StreamInfo) {
			i.TimeStamp, i.State.Lost = i.TimeStamp.Add(time.Second), lost(5)
		}, want: true},
		"a purge came undone": {knew: here, first: 5, change: func(i *jetstream.StreamInfo) { i.TimeStamp = i.TimeStamp.Add(time.Second) }},
		"not asked for that":  {knew: here, dropped: 5, plain: true, change: func(*jetstream.StreamInfo) {}},
	} {
		info := *now
		info.Config.Metadata = maps.Clone(now.Config.Metadata)
		c.change(&info)
		l.mu.Lock()
		l.state, l.stateAt, l.reach, l.dropped = now.State, now.TimeStamp, here, c.dropped
		l.state.FirstSeq += c.first
		v := view{&info, c.knew, !c.plain}
		if got := l.miss(v); got != c.want {
			t.Errorf("%s: a loss: %v, want %v", name, got, c.want)
		}
		if c.plain && l.dropped != c.dropped {
			t.Errorf("%s: %d are dropped, want %d", name, l.dropped, c.dropped)
		}
		v.knew = l.reach
		if c.want && l.miss(v) {
			t.Errorf("%s: it is found twice", name)
		}
		l.mu.Unlock()
	}
}

// TestAPlaceThatIsGivenAnewIsALoss, once, and none if the stream is another one, or the store says that the record stood there.
func TestAPlaceThatIsGivenAnewIsALoss(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	var told logtest.Text
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	appendEvents(t, j, "before", 1, 1)
	l := j.lanes[streamProof]
	var born time.Time
	var place uint64
	if err := l.visit(t.Context(), func() { born, place = l.born, l.head.Stream }); err != nil {
		t.Fatal(err)
	}
	for name, knew := range map[string]reach{"it was there": {}, "another stream": {born.Add(-1), place + 5}, "behind": {born, place - 1}} {
		if err := l.visit(t.Context(), func() { l.land(knew, place, place) }); err != nil {
			t.Fatal(err)
		}
		if forgot, err := j.Forgot(t.Context()); err != nil || !forgot.IsZero() {
			t.Fatalf("%s: forgotten until %v, %v", name, forgot, err)
		}
	}
	round := dodona.RoundAt(time.Now())
	for n := 0; told.Times("gave its places anew") == 0; n++ { // retention may look in between, and find it first
		if n > 0 && told.Times("records are lost") < n || n > 9 {
			t.Fatalf("nothing is told of the places that are given anew: %d", n)
		}
		l.mu.Lock()
		l.reach.place += 5 // five that are gone
		l.mu.Unlock()
		appendEvents(t, j, "since"+strconv.Itoa(n), 1, 1)
	}
	for i := range 3 {
		c := claim("report.x.ab", i)
		c.After = ""
		c.Key += strconv.Itoa(i)
		if err := j.Append(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		forgot, err := j.Forgot(t.Context())
		if err != nil || forgot.Before(round.Time()) {
			t.Fatalf("forgotten until %v, %v; what was claimed at %s may be lost", forgot, err, round)
		}
		if n := told.Times("gave its places anew"); n != 1 {
			t.Errorf("it is told %d times", n)
		}
		if i > 0 && forgot.After(time.Now().Add(-time.Second)) {
			t.Errorf("it is found again: %v", forgot)
		}
		if i == 0 {
			time.Sleep(1100 * time.Millisecond)
		}
	}
}

// TestALateAcknowledgementHidesNoLoss: a flight that lands where places were given anew says how far the stream goes, unless somebody has looked
// since it left; what is lost of what he saw would not be missed.
func TestALateAcknowledgementHidesNoLoss(t *testing.T) {
	j := open(t, Config{})
	for name, c := range map[string]struct{ knew, reach, want uint64 }{
		"nothing is lost":                        {knew: 90, reach: 90, want: 95},
		"the first to find it":                   {knew: 100, reach: 100, want: 95},
		"it was found since":                     {knew: 100, reach: 90, want: 95},
		"it was found, and others wrote less":    {knew: 100, reach: 98, want: 98},
		"it was found, and others wrote further": {knew: 100, reach: 130, want: 130},
	} {
		l := &lane{j: j, spec: j.lanes[streamProof].spec, born: time.Now()} // which no house looks after
		l.reach = reach{l.born, c.reach}
		l.land(reach{l.born, c.knew}, 91, 95)
		if got := l.reached().place; got != c.want {
			t.Errorf("%s: it goes to %d, want %d", name, got, c.want)
		}
	}
	l := &lane{j: j, spec: j.lanes[streamProof].spec, born: time.Now()}
	other := reach{l.born.Add(time.Second), 7}
	l.reach = other
	if l.land(reach{l.born, 100}, 91, 95); l.reached() != other {
		t.Errorf("what is known of another stream becomes %+v", l.reached())
	}
}

// TestAStoreThatDroppedRecordsIsStartedAgain, once, although nobody writes; its index, which counts them, is made anew, and the next start knows.
func TestAStoreThatDroppedRecordsIsStartedAgain(t *testing.T) {
	j := open(t, Config{})
	appendEvents(t, j, "before", 1, 1)
	server, bus, round := j.nc.ConnectedServerId(), j.lanes[streamProof].streamName, dodona.RoundAt(time.Now())
	for i, n := range []int{0, 5, 5, 3, 3, 4} {
		if got, want := j.dropsMore(j.counting(), "PROOF-other", n), i == 1 || i == 5; got != want {
			t.Errorf("%d dropped are news: %v, want %v", n, got, want)
		}
	}
	before := j.counting()
	j.countAnew()
	if j.dropsMore(before, "PROOF-other", 9) || !j.dropsMore(j.counting(), "PROOF-other", 3) {
		t.Error("what a server dropped is compared with what the one before it did")
	}
	j.local.Store.Dropped(bus)
	for begun := time.Now(); j.nc.ConnectedServerId() == server || !j.nc.IsConnected(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("the store is not started again")
		}
	}
	forgot, err := j.Forgot(t.Context())
	if err != nil || forgot.Before(round.Time()) {
		t.Errorf("forgotten until %v, %v; what was claimed at %s may be lost", forgot, err, round)
	}
	j.mu.Lock()
	if n := len(j.miscounted); n != 0 {
		t.Errorf("%d indexes are still there", n)
	}
	j.mu.Unlock()
	if r, err := j.Last(t.Context(), dodona.TopicEvent, "x"); err != nil || r.ID != "before0" {
		t.Errorf("the last event is %q, %v", r.ID, err)
	}
}

// TestWhatWasDroppedIsNoted, and forgotten when a server that was started again counts anew: else as many may be dropped unnoticed.
func TestWhatWasDroppedIsNoted(t *testing.T) {
	metadata := map[string]string{}
	setDropped(metadata, 5)
	if n := droppedBefore(metadata); n != 5 {
		t.Errorf("%d are noted, want 5", n)
	}
	j := open(t, Config{})
	appendEvents(t, j, "before", 1, 1)
	l := j.lanes[streamProof]
	if _, err := l.change(t.Context(), func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
		if info.Config.Metadata[droppedKey] == "" {
			cfg.Metadata[droppedKey] = "7"
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		poke(l.house.wake)
		info, err := l.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if droppedBefore(info.Config.Metadata) == 0 {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("noted is %q", info.Config.Metadata[droppedKey])
		}
	}
	if forgot, err := j.Forgot(t.Context()); err != nil || !forgot.IsZero() {
		t.Errorf("forgotten until %v, %v; nothing was lost", forgot, err)
	}
}

// TestWhatCouldNotBeWrittenIsNotDropped: the server counts it so, and told nobody that it is on record. Nor is what a server before said.
func TestWhatCouldNotBeWrittenIsNotDropped(t *testing.T) {
	j := open(t, Config{})
	appendEvents(t, j, "before", 1, 1)
	l := j.lanes[streamProof]
	asked := func(want bool) {
		t.Helper()
		v, err := l.inspect(t.Context())
		if err != nil || v.whole != want {
			t.Errorf("an answer says what was dropped: %v, %v, want %v", v.whole, err, want)
		}
		if got := j.dropsMore(j.counting(), "PROOF-other", j.dropsOf("PROOF-other")+1); got != want {
			t.Errorf("more that is dropped is news: %v, want %v", got, want)
		}
	}
	asked(true)
	before := j.counting()
	j.local.Store.Broke = nil // else it may be started again before it is asked
	j.local.BreakDown("no space left on device")
	asked(false)
	if err := j.local.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); !j.nc.IsConnected(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("the connection does not come back")
		}
	}
	asked(true)
	if j.countsDropped(before) {
		t.Error("an answer of the server before is taken for one of this one")
	}
}

// TestALossIsKnownBeforeItIsOnTheDisk, which may be full.
func TestALossIsKnownBeforeItIsOnTheDisk(t *testing.T) {
	j := open(t, Config{})
	appendEvents(t, j, "before", 1, 1)
	bus, round := j.lanes[streamProof].streamName, dodona.RoundAt(time.Now())
	path := filepath.Join(j.cfg.Dir, holeFile+bus)
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := j.holed(bus); err == nil {
		t.Fatal("the loss was written over a folder")
	}
	if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
		t.Errorf("forgotten until %v, %v; what was claimed at %s may be lost", forgot, err, round)
	}
}

// TestAStoreThatDroppedIsNotCalledFull: what is told says whether it could write.
func TestAStoreThatDroppedIsNotCalledFull(t *testing.T) {
	j := open(t, Config{})
	j.local.GiveUp()
	if told := j.brokenBy(); !strings.Contains(told, "dropped") || strings.Contains(told, "write") {
		t.Errorf("it is told that %q", told)
	}
}

// TestALossTellsNoTimeThatIsNotKnown in the log.
func TestALossTellsNoTimeThatIsNotKnown(t *testing.T) {
	var told logtest.Text
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for i, loss := range []Loss{{}, {After: at}, {Before: at}, {After: at, Before: at}} {
		loss.From, loss.To = uint64(i+1), uint64(i+1)
		j.lanes[streamRaw].lost(loss)
	}
	for what, want := range map[string]int{"records are lost": 4, "0001-01-01": 0, " after=2026-12-01": 2, " before=2026-12-01": 2} {
		if n := told.Times(what); n != want {
			t.Errorf("%q is told %d times, want %d", what, n, want)
		}
	}
}
