//go:build integration

package fieldtest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

func TestMain(m *testing.M) {
	if code, done := peertest.InNetwork(); done {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// A plan says how long it goes on, and how hard.
type plan struct {
	many   bool          // as many sources as a plant has: fifty, and MariaDB too
	faults time.Duration // how long peers freeze and die
	down   time.Duration // how long one is away at most
	rest   time.Duration // and how long it is left alone afterwards, at most
	back   time.Duration // after which time a source that is not well again is called dead
	calm   time.Duration // before and after the faults
}

// shortly is what make test has time for. Its bound of recovery only tells a source that stays dead.
var shortly = plan{faults: 25 * time.Second, down: 5 * time.Second, rest: 4 * time.Second, back: patience, calm: 5 * time.Second}

// atLength is make soak WHAT=field. A source may be dead for its watchdog, 10 s here for all of them, and the back-off's cap, 30 s, and one
// exchange, 10 s.
func atLength(total time.Duration) plan {
	const calm = 30 * time.Second
	return plan{many: true, faults: total - 2*calm, down: 30 * time.Second, rest: 30 * time.Second, back: 50 * time.Second, calm: calm}
}

// TestTheField has one node read every protocol at once while its peers freeze, die and come back, and, before that, one exchange with each made
// by the program for ARMv7. DODONA_FIELD says how long it goes on, such as 10m; DODONA_FIELD_SEED which faults there are.
func TestTheField(t *testing.T) {
	p := shortly
	if text := os.Getenv("DODONA_FIELD"); text != "" {
		total, err := time.ParseDuration(text)
		if err != nil || total < 3*time.Minute {
			t.Fatalf("DODONA_FIELD=%s: want at least 3m", text)
		}
		p = atLength(total)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DODONA_FIELD_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("DODONA_FIELD_SEED: %v", err)
		}
	}
	t.Logf("DODONA_FIELD_SEED=%d", seed)

	dir := t.TempDir()
	var program, arm string
	var builds sync.WaitGroup
	var failed, armFailed error
	builds.Go(func() { program, failed = built(dir, "dodona") })
	builds.Go(func() { arm, armFailed = built(dir, "dodona-arm", "GOOS=linux", "GOARCH=arm", "GOARM=7") })
	peers := startAll(t, wanted(), p.many)
	builds.Wait()
	if failed = cmp.Or(failed, armFailed); failed != nil {
		t.Fatal(failed)
	}
	var sources []source
	for _, p := range peers {
		sources = append(sources, p.sources...)
	}
	file := configuration(t, dir, sources)

	ctx, cancel := context.WithCancel(t.Context())
	var talk sync.WaitGroup
	defer talk.Wait()
	defer cancel()
	for _, p := range peers {
		talk.Go(func() { p.speak(ctx) })
	}
	t.Run("ARMv7", func(t *testing.T) { readByARM(t, arm, file, sources) })
	t.Run("Soak", func(t *testing.T) { soak(t, p, seed, program, file, peers, sources) })
}

// wanted are the peers; DODONA_FIELD_PEERS names some of them, such as "knx nginx".
func wanted() []maker {
	all := slices.Concat(devices, servers)
	if only := strings.Fields(os.Getenv("DODONA_FIELD_PEERS")); len(only) > 0 {
		all = slices.DeleteFunc(all, func(m maker) bool { return !slices.Contains(only, m.name) })
	}
	return all
}

// soak runs the node while the peers go and come.
func soak(t *testing.T, p plan, seed uint64, program, file string, peers []*peer, sources []source) {
	n := runNode(t, program, file)
	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() { n.watch(ctx) })
	watch.Go(func() { n.follow(ctx, sources) })
	begun := time.Now()
	n.allWell(t, sources, begun)
	t.Logf("%d sources of %d peers are well %s after the start", len(sources), len(peers), time.Since(begun).Round(100*time.Millisecond))
	before := n.calm(ctx, p.calm)

	var mu sync.Mutex
	var faults []fault
	var chaos sync.WaitGroup
	until := before.to.Add(p.faults)
	for i, one := range peers {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		chaos.Go(func() {
			freeze, told := rnd.IntN(2) == 0, 0
			for ; time.Now().Before(until) && !t.Failed(); freeze = freeze == (rnd.IntN(3) == 0) {
				pause(ctx, time.Duration(rnd.Int64N(int64(p.rest))))
				f := one.befall(ctx, rnd, freeze, p.down)
				back := n.await(ctx, p.back, func(s snapshot) bool { return s.ill(one.sources, f.over) == "" })
				if f.well = time.Now(); !back {
					f.well = time.Time{}
					t.Errorf("%s was %s for %s; %s after it was back:\n%s", f.peer, f.how, f.over.Sub(f.began).Round(time.Second), p.back, n.ill(one.sources, f.over))
				}
				mu.Lock()
				faults = append(faults, f)
				mu.Unlock()
				if told++; told <= 2 {
					n.explained(t, one.sources[0], f)
				}
			}
		})
	}
	chaos.Wait()
	ended := time.Now()
	if !t.Failed() { // else that which is not well was told
		n.allWell(t, sources, ended)
	}
	after := n.calm(ctx, p.calm)
	n.settle(before)
	after.to = time.Now()
	tellFaults(t, peers, faults)
	n.mu.Lock()
	samples := slices.Clone(n.samples)
	n.mu.Unlock()
	judgeGrowth(t, samples, before, before.to.Add(ended.Sub(before.to)/4), ended, after)
	points := judgeGaps(t, n, peers, faults, before.to, after.to)
	t.Logf("%.0f points a second were answered", float64(points)/after.to.Sub(before.to).Seconds())
}

// allWell waits until every source is.
func (n *node) allWell(t *testing.T, sources []source, after time.Time) {
	t.Helper()
	if n.await(t.Context(), patience, func(s snapshot) bool { return s.ill(sources, after) == "" }) {
		return
	}
	t.Fatalf("after %s:\n%s", patience, n.ill(sources, after))
}

// tellFaults says, by peer, how often it was away and how long its sources took to be well.
func tellFaults(t *testing.T, peers []*peer, faults []fault) {
	t.Helper()
	var lines []string
	for _, p := range peers {
		var took []time.Duration
		frozen := 0
		for _, f := range faults {
			if f.peer != p.name {
				continue
			}
			if !f.well.IsZero() {
				took = append(took, f.well.Sub(f.over))
			}
			if f.how == "frozen" {
				frozen++
			}
		}
		if len(took) == 0 {
			t.Errorf("%s went and came back never", p.name)
			continue
		}
		slices.Sort(took)
		lines = append(lines, fmt.Sprintf("%-14s %2d sources, frozen %2d times, killed %2d times, all well again after %s (median), %s (most)",
			p.name, len(p.sources), frozen, len(took)-frozen, took[len(took)/2].Round(100*time.Millisecond), took[len(took)-1].Round(100*time.Millisecond)))
	}
	t.Logf("%d faults:\n%s", len(faults), strings.Join(lines, "\n"))
}
