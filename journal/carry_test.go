package journal

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// answers returns a record on each of many shared subjects.
func answers(round, from, to int) []dodona.Record {
	recs := make([]dodona.Record, 0, to-from)
	for i := from; i < to; i++ {
		recs = append(recs, dodona.Record{
			Topic: dodona.TopicData, Key: fmt.Sprintf("f%d", i), ID: fmt.Sprint(1000 + round), Body: body500[:200], After: after(round),
		})
	}
	return recs
}

func after(round int) string {
	if round == 0 {
		return ""
	}
	return fmt.Sprint(999 + round)
}

func appendRound(t testing.TB, j *Journal, round, from, to int) {
	t.Helper()
	for first := from; first < to; first += 250 {
		if err := j.Append(t.Context(), answers(round, first, min(first+250, to))...); err != nil {
			t.Fatalf("round %d, key %d: %v", round, first, err)
		}
	}
}

// Retention of ten thousand keys asks the store a few questions, not one a key.
func TestRetentionAsksFewQuestions(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	const keys = 10_000
	for _, remembered := range []bool{true, false} {
		dir := t.TempDir()
		cfg := Config{Dir: dir, Node: "gw-1", Proof: Limits{Bytes: 32 * unit.MiB}}
		j, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			appendRound(t, j, round, 0, keys)
		}
		if !remembered { // as after a restart
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if j, err = Open(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
		l := j.lanes[streamProof]
		s, err := l.measure(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := j.nc.Stats().OutMsgs
		if why, err := l.free(t.Context(), s, s.first+keys/2); err != nil || why != "" {
			t.Fatalf("%s, %v", why, err)
		}
		most := uint64(keys/askSubjects + 40)
		if asked := j.nc.Stats().OutMsgs - before; asked > most {
			t.Errorf("remembered %v: %d questions for %d keys, want at most %d", remembered, asked, keys, most)
		}
		if proof := j.Status(t.Context()).Streams[1]; proof.Freed != keys/2 || proof.Carried != 0 {
			t.Errorf("remembered %v: %+v, want %d records freed and none written again", remembered, proof, keys/2)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Keys that nobody writes any more keep their last record, however often the stream is turned over, and what is written
// again is never more than what is written anew.
func TestDeadKeysAreCarriedWithinBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const dead, live = 400, 40 // the dead ones take about a quarter of the stream
	j := open(t, Config{Proof: Limits{Bytes: unit.MiB}})
	appendRound(t, j, 0, 0, dead)
	for round := range 80 { // each about a fortieth of the stream
		appendRound(t, j, round, dead, dead+live)
	}
	j.lanes[streamProof].keepHouse(t.Context())
	proof := j.Status(t.Context()).Streams[1]
	if proof.Freed == 0 || proof.Carried < dead {
		t.Fatalf("%+v, want records freed and the dead keys' carried", proof)
	}
	if appended := proof.Written - proof.Carried; proof.Carried > appended {
		t.Fatalf("%d records were written again for %d appended ones", proof.Carried, appended)
	}
	if proof.Bytes > proof.Limit {
		t.Fatalf("the stream has %d bytes, its limit is %d", proof.Bytes, proof.Limit)
	}
	for i := range dead {
		if _, err := j.Last(t.Context(), dodona.TopicData, fmt.Sprintf("f%d", i)); err != nil {
			t.Fatalf("the last answer of a key was forgotten: %v", err)
		}
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
}

// Where last records alone take most of the stream, it says so with numbers, and does not write them again and again.
func TestStreamTooSmallForItsKeysSaysSo(t *testing.T) {
	j := open(t, Config{Proof: Limits{Bytes: unit.MiB}})
	var err error
	appended := 0
	for first := 0; first < 3000 && err == nil; first += 50 {
		recs := make([]dodona.Record, 50)
		for i := range recs {
			recs[i] = dodona.Record{Topic: dodona.TopicClaim, Key: fmt.Sprintf("report.f%d.abc", first+i), ID: "1-0xab", Body: body500[:300]}
		}
		if err = appendUntilBlocked(t, j, recs...); err == nil {
			appended += len(recs)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "set journal.proof.bytes to at least ") || !strings.Contains(err.Error(), "keys take") {
		t.Fatalf("after %d claims: %v, want it to say what to set", appended, err)
	}
	for range 5 {
		j.lanes[streamProof].keepHouse(t.Context())
	}
	if proof := j.Status(t.Context()).Streams[1]; proof.Carried > uint64(appended) || proof.Bytes > proof.Limit || proof.Holding == "" {
		t.Fatalf("%+v after %d claims, want few written again, the limit kept, and a reason", proof, appended)
	}
}

func TestPlanCutFreesMoreThanItWrites(t *testing.T) {
	s := space{first: 1, last: 1000, bytes: 1_000_000, count: 1000, cut: 1001} // a kilobyte each
	lasts := func(from, to uint64) (list []last) {
		for place := from; place < to; place++ {
			list = append(list, last{place: place, size: 1000})
		}
		return list
	}
	for _, row := range []struct {
		name          string
		lasts         []last
		bound         uint64 // s.cut
		cut, carried  uint64
		worth         bool // at most half of what is cut is written again
		wanted, slack uint64
	}{
		{"none in the way", nil, 1001, 126, 0, true, 126, 0},
		{"a tenth in the way", lasts(1, 13), 1001, 138, 12, true, 126, 3},
		{"a cluster at the head", lasts(1, 126), 1001, 251, 125, true, 126, 3},
		{"a cluster of half the stream", lasts(1, 501), 1001, 1001, 500, true, 126, 0},
		{"more than half", lasts(1, 600), 1001, 1001, 599, false, 126, 0},
		{"a reader stands behind the cluster", lasts(1, 126), 130, 130, 125, false, 126, 0},
	} {
		s.cut = row.bound
		cut, carried, bytes := planCut(s, row.wanted, row.lasts)
		if cut < row.cut || cut > row.cut+row.slack || uint64(len(carried)) != row.carried || bytes != 1000*row.carried {
			t.Errorf("%s: cut at %d with %d carried (%d bytes), want %d with %d", row.name, cut, len(carried), bytes, row.cut, row.carried)
		}
		if worth := bytes <= s.share(cut-s.first)/2; worth != row.worth {
			t.Errorf("%s: worth the writing: %v, want %v", row.name, worth, row.worth)
		}
	}
}

// What somebody else wrote on a subject while retention was about to carry its last record is neither lost nor doubled.
func TestCarryingIsGuarded(t *testing.T) {
	j := open(t, Config{Proof: Limits{Bytes: unit.MiB}})
	l := j.lanes[streamProof]
	appendRound(t, j, 0, 0, 3)
	found, err := l.lastOf(t.Context(), []string{j.net.subject(dodona.TopicData, "f0", ""), j.net.subject(dodona.TopicData, "f1", ""), j.net.subject(dodona.TopicData, "nobody", "")})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d last records, %v, want 2", len(found), err)
	}
	appendRound(t, j, 1, 0, 1) // f0 moves on
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var failed error
	if err := l.visit(ctx, func() {
		clear(l.seen) // as if another process had written
		failed = l.rewrite(found)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	for key, want := range map[string]string{"f0": "1001", "f1": "1000"} {
		if last, err := j.Last(t.Context(), dodona.TopicData, key); err != nil || last.ID != want {
			t.Errorf("%s: %s, %v, want %s", key, last.ID, err, want)
		}
	}
	if proof := j.Status(t.Context()).Streams[1]; proof.Carried != 1 {
		t.Errorf("%+v, want one carried", proof)
	}
}
