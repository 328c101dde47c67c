//go:build integration

package fieldtest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEveryKindInMemory tells how much memory a node of 64 MiB has that reads every kind of source from its peer, each for a feed of every second, a
// minute after all are well. It tells and does not judge; make bench WHAT=field runs it.
func TestEveryKindInMemory(t *testing.T) {
	if os.Getenv("DODONA_FIELD_MEMORY") == "" {
		t.Skip("make bench WHAT=field runs it")
	}
	dir := t.TempDir()
	program, err := built(dir, "dodona")
	if err != nil {
		t.Fatal(err)
	}
	peers := startAll(t, wanted(), false)
	var sources []source
	kinds := map[string]bool{}
	for _, p := range peers {
		for _, s := range p.sources {
			sources = append(sources, s)
			kinds[s.protocol] = true
		}
	}
	file := configuration(t, dir, sources)
	text, err := os.ReadFile(file)
	if err == nil { // the streams as they are by default
		small := regexp.MustCompile(`(?m)^journal: .*\n`).ReplaceAllString(strings.Replace(string(text), "node: {", "node: {memory: 64MiB, ", 1), "")
		err = os.WriteFile(file, []byte(small), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var talk sync.WaitGroup
	defer talk.Wait()
	defer cancel()
	for _, p := range peers {
		talk.Go(func() { p.speak(ctx) })
	}
	n := runNode(t, program, file)
	talk.Go(func() { n.watch(ctx) })
	n.allWell(t, sources, time.Now())
	pause(ctx, time.Minute)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	mib := func(what string) float64 {
		var kib float64
		if _, rest, found := strings.Cut(string(status), what+":"); found {
			fmt.Sscan(rest, &kib)
		}
		return kib / 1024
	}
	t.Logf("%d kinds, %d sources: %.1f MiB resident, %.1f at the peak; of it %.1f are pages of the program", len(kinds), len(sources), mib("VmRSS"), mib("VmHWM"), mib("RssFile"))
}
