//go:build integration

package fieldtest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// A peer is a server or a device that nobody here wrote, and the sources that read it.
type peer struct {
	name    string
	parts   []*peertest.Process // each freezes and dies by itself; a source needs all of them
	sources []source
	unplug  func(*peertest.Process)   // before a part is killed; nil: nothing
	again   func()                    // after a fault: what it forgot, and parts that died of it; nil: nothing
	talk    func(ctx context.Context) // has it say something; called each second, and may fail; nil: it speaks by itself, or is asked
}

// A source reads a peer.
type source struct {
	name     string
	protocol string
	settings string   // of the configuration, from the kind on
	points   []string // those of its feed
}

// A maker starts a peer and names what reads it: few sources, or as many as a plant has.
type maker struct {
	name  string
	start func(t testing.TB, many bool) *peer
}

// lacking is a test that is not skipped for want of one peer of many: the goroutine that starts it ends, and why is remembered.
type lacking struct {
	testing.TB
	why      string
	optional bool // what fails the start of a peer is a want too
}

// Skipf remembers why.
func (l *lacking) Skipf(format string, args ...any) {
	l.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Skip remembers why.
func (l *lacking) Skip(args ...any) { l.Skipf("%s", fmt.Sprint(args...)) }

// Fatalf fails the test, or is a want.
func (l *lacking) Fatalf(format string, args ...any) {
	l.Helper()
	if l.optional {
		l.Skipf("NOT TESTED HERE: "+format, args...)
	}
	l.TB.Fatalf(format, args...)
}

// startAll starts the peers side by side. Those that cannot be had here are told, each as a test of its own that is skipped.
func startAll(t *testing.T, makers []maker, many bool) (peers []*peer) {
	t.Helper()
	made, wants := make([]*peer, len(makers)), make([]*lacking, len(makers))
	var all sync.WaitGroup
	for i, m := range makers {
		wants[i] = &lacking{TB: t}
		all.Go(func() { made[i] = m.start(wants[i], many) })
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, p := range made {
		if p == nil {
			t.Run("without-"+makers[i].name, func(t *testing.T) { t.Skip(wants[i].why) })
			continue
		}
		if p.name = makers[i].name; len(p.sources) == 0 {
			continue
		}
		peers = append(peers, p)
	}
	return peers
}

// A fault is what befell a peer.
type fault struct {
	peer, how   string
	began, over time.Time // over: the peer is back
	well        time.Time // every source of it brings data again
}

// befall has one random part of the peer freeze or die, and come back.
func (p *peer) befall(ctx context.Context, rnd *rand.Rand, freeze bool, most time.Duration) fault {
	part := p.parts[rnd.IntN(len(p.parts))]
	down := time.Duration(rnd.Int64N(int64(most)))
	f := fault{peer: p.name, how: "killed", began: time.Now()}
	if freeze {
		f.how = "frozen"
		signal(part.Pid(), syscall.SIGSTOP)
		pause(ctx, down)
		signal(part.Pid(), syscall.SIGCONT)
	} else {
		if p.unplug != nil {
			p.unplug(part)
		}
		kill(part)
		pause(ctx, down)
		part.Restart()
	}
	if p.again != nil {
		p.again()
	}
	f.over = time.Now()
	return f
}

// speak has the peer talk until ctx ends.
func (p *peer) speak(ctx context.Context) {
	if p.talk == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		p.talk(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pause waits, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// signal reaches a process and what it started, which may be groups of their own, as those of PostgreSQL are.
func signal(pid int, s syscall.Signal) {
	for _, pid := range family(pid) {
		_ = syscall.Kill(pid, s) // it may have ended
	}
}

// kill ends a process and what it started, and waits.
func kill(p *peertest.Process) {
	all := family(p.Pid())
	p.Kill()
	for _, pid := range all[1:] {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		for alive(pid) {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// family returns a process and those that it started, and they.
func family(pid int) []int {
	all := []int{pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	parents := map[int]int{}
	for _, stat := range stats {
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat))) // digits
		_, parents[id] = stateOf(id)
	}
	for i := 0; i < len(all); i++ {
		for child, parent := range parents {
			if parent == all[i] {
				all = append(all, child)
			}
		}
	}
	return all
}

// alive reports whether a process runs: one that nobody has waited for yet does not.
func alive(pid int) bool {
	state, parent := stateOf(pid)
	return parent > 0 && state != "Z"
}

// stateOf returns what /proc says of a process; nothing if it has ended.
func stateOf(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	parent, _ = strconv.Atoi(fields[1]) // digits
	return fields[0], parent
}
