package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// The helper process appends under load and prints what was acknowledged, until it is killed.
const helperDir = "DODONA_JOURNAL_TEST_DIR"

func TestHelperAppendsUntilKilled(t *testing.T) {
	dir := os.Getenv(helperDir)
	if dir == "" {
		return // it runs only as a child of TestKilledProcessLosesNothingAcknowledged
	}
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	run := os.Getenv(helperDir + "_RUN")
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c := range 24 {
		wg.Go(func() {
			key := "c" + strconv.Itoa(c)
			last, err := j.Last(context.Background(), dodona.TopicClaim, "report."+key)
			if err != nil && !errors.Is(err, dodona.ErrNotFound) {
				t.Error(err)
				return
			}
			for i := 0; ; i++ {
				id := run + "-" + strconv.Itoa(i)
				recs := []dodona.Record{{Topic: dodona.TopicReading, Key: key, ID: id, Body: body400}}
				if c%2 == 0 {
					last = dodona.Record{Topic: dodona.TopicClaim, Key: "report." + key, ID: id, After: last.ID}
					recs = append(recs, last)
				}
				if c%3 == 0 {
					recs = append(recs, dodona.Record{Topic: dodona.TopicReading, Key: key, ID: id + "b", Body: body400})
				}
				if err := j.Append(context.Background(), recs...); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, r := range recs {
					fmt.Printf("kept %s %s %s\n", r.Topic, r.Key, r.ID)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKilledProcessLosesNothingAcknowledged kills a process under load again and again in one folder, then compares.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills processes")
	}
	t.Parallel()
	dir := t.TempDir()
	kept := make(map[string]bool)
	for run := range kills {
		child := exec.Command(os.Args[0], "-test.run=^TestHelperAppendsUntilKilled$")
		child.Env = append(os.Environ(), helperDir+"="+dir, helperDir+"_RUN="+strconv.Itoa(run))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		n, killAt := 0, 20+137*run%1500 // a different moment each time
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if what, ok := strings.CutPrefix(lines.Text(), "kept "); ok {
				kept[what] = true
				if n++; n == killAt {
					_ = child.Process.Kill()
				}
			}
		}
		if err := child.Wait(); err == nil || n < killAt {
			t.Fatalf("run %d ended by itself after %d records: %v", run, n, err)
		}
	}
	j := open(t, Config{Dir: dir})
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
	seen := make(map[string]int)
	for _, topic := range []dodona.Topic{dodona.TopicReading, dodona.TopicClaim} {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		backlog := j.Status(ctx).Streams[0].Records
		if topic == dodona.TopicClaim {
			backlog = j.Status(ctx).Streams[1].Records
		}
		n := uint64(0)
		for recs, err := range j.From(ctx, "audit-"+string(topic), topic) {
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range recs {
				seen[string(r.Topic)+" "+r.Key+" "+r.ID]++
			}
			if n += uint64(len(recs)); n >= backlog {
				cancel()
			}
		}
		cancel()
	}
	for what := range kept {
		if seen[what] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", what, seen[what])
		}
	}
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", what, n)
		}
	}
	t.Logf("%d kills, %d records acknowledged, %d kept", kills, len(kept), len(seen))
}
