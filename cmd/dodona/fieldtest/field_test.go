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
	phases int           // of faults
	faults time.Duration // how long peers freeze and die in each
	down   time.Duration // how long one is away at most
	rest   time.Duration // and how long it is left alone afterwards, at most
	back   time.Duration // after which time a source that is not well again is called dead
	calm   time.Duration // before the faults, and behind each phase
}

// shortly is what make test has time for. Its bound of recovery only tells a source that stays dead.
var shortly = plan{phases: 1, faults: 25 * time.Second, down: 5 * time.Second, rest: 4 * time.Second, back: patience, calm: 5 * time.Second}

// atLength is make soak WHAT=field. A source may be dead for its watchdog, 10 s here for all of them, and the back-off's cap, 30 s, and one
// exchange, 10 s.
func atLength(total time.Duration) plan {
	const (
		calm  = 20 * time.Second
		phase = 145 * time.Second // with the calm behind it; four in ten minutes
		end   = 55 * time.Second  // in which the last faults of a phase are over, and all is well again
	)
	return plan{many: true, phases: max(1, int((total-calm)/phase)), faults: phase - calm - end, down: 30 * time.Second, rest: 30 * time.Second, back: 50 * time.Second, calm: calm}
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

// soak runs the node while the peers go and come, phase by phase, with calm between.
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
	calms := []span{n.calm(ctx, p.calm)}
	first := calms[0].to
	watch.Go(func() { n.askOn(ctx, t, sources, first) })

	var mu sync.Mutex
	var faults []fault
	var troubles []*trouble
	for i, one := range peers {
		troubles = append(troubles, newTrouble(one, seed, uint64(i)))
	}
	for range p.phases {
		until := time.Now().Add(p.faults)
		var chaos sync.WaitGroup
		for _, one := range troubles {
			chaos.Go(func() {
				for time.Now().Before(until) && !t.Failed() {
					f := one.next(ctx, p)
					if why := n.dead(ctx, one.peer.sources, &f, p.back); why != "" {
						t.Error(why)
					}
					mu.Lock()
					faults = append(faults, f)
					mu.Unlock()
					if one.befell++; one.befell <= 2 {
						n.explained(t, one.peer.sources[0], f)
					}
				}
			})
		}
		chaos.Wait()
		if !t.Failed() { // else that which is not well was told
			n.allWell(t, sources, time.Now())
		}
		if calms = append(calms, n.calm(ctx, p.calm)); t.Failed() {
			break
		}
	}
	if !t.Failed() {
		n.settle(calms[0])
		calms[len(calms)-1].to = time.Now()
	}
	tellFaults(t, peers, faults)
	n.mu.Lock()
	samples := slices.Clone(n.samples)
	n.mu.Unlock()
	told, grew := grown(samples, calms)
	t.Log(strings.Join(told, "\n"))
	for _, what := range grew {
		t.Error(what)
	}
	judgeGaps(t, n, peers, faults, first, time.Now())
}

// A trouble is what befalls one peer, again and again.
type trouble struct {
	peer   *peer
	rnd    *rand.Rand
	freeze bool
	befell int
}

func newTrouble(p *peer, seed, stream uint64) *trouble {
	rnd := rand.New(rand.NewPCG(seed, stream))
	return &trouble{peer: p, rnd: rnd, freeze: rnd.IntN(2) == 0}
}

// next has the peer alone for a while, and then freeze or die, and come back.
func (o *trouble) next(ctx context.Context, p plan) fault {
	pause(ctx, time.Duration(o.rnd.Int64N(int64(p.rest))))
	f := o.peer.befall(ctx, o.rnd, o.freeze, p.down)
	o.freeze = o.freeze == (o.rnd.IntN(3) == 0) // mostly the other one
	return f
}

// dead waits until every source brings data again after a fault, notes when, and says which does not in time.
func (n *node) dead(ctx context.Context, sources []source, f *fault, limit time.Duration) string {
	if n.await(ctx, limit, func(s snapshot) bool { return s.ill(sources, f.over) == "" }) {
		f.well = time.Now()
		return ""
	}
	return fmt.Sprintf("%s was %s for %s; %s after it was back:\n%s", f.peer, f.how, f.over.Sub(f.began).Round(time.Second), limit, n.ill(sources, f.over))
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
