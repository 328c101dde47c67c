//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// drillFeeds answer ten times a second each, so that an hour of a plant's rounds passes in minutes and the smallest stream is
// full in seconds.
const drillFeeds = 12

// A drill is a node that its operator restarts with other roles and sinks.
type drill struct {
	t    *testing.T
	dir  string
	file string
	hook *httptest.Server
	sick atomic.Bool // the hook refuses everything
}

// TestBadNightsPassByThemselves leads a small node through what fills its streams: a sink that is taken out of the
// configuration, a validator that is away, a receiver that is down. After each of them the node must answer again without
// anybody's help. DODONA_DRILL says how often the night is gone through, 20 in make soak.
func TestBadNightsPassByThemselves(t *testing.T) {
	t.Parallel()
	d := &drill{t: t, dir: t.TempDir()}
	d.file = filepath.Join(d.dir, "gw.yaml")
	d.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if d.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(d.hook.Close)
	for night := range number(t, "DODONA_DRILL", 1) {
		t.Logf("night %d", night+1)
		d.sinkIsRemoved()
		d.validatorIsAway()
		d.receiverIsDown()
	}
}

const everyRole = "observe, validate, anchor, deliver, serve"

func (d *drill) start(roles string, hook bool) *process {
	d.t.Helper()
	text := fmt.Sprintf(`node: {name: gw, data: ./data}
roles: [%s]
api: {listen: "127.0.0.1:0"}
journal: {proof: {bytes: 1MiB}, raw: {bytes: 4MiB}}
sources: {walk: {sim: {every: 50ms, decimals: 2}, value: ""}}
feeds:
`, roles)
	for i := range drillFeeds {
		text += fmt.Sprintf("  walk-%d: {decimals: 2, every: 100ms, from: [walk]}\n", i)
	}
	if hook {
		text += fmt.Sprintf("sinks: {hook: {webhook: {url: %q}}}\n", d.hook.URL)
	}
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	p := launch(d.t, d.dir, "run", d.file)
	p.awaitURL()
	return p
}

// sinkIsRemoved: what the removed sink had not read must not be kept until nothing fits any more.
func (d *drill) sinkIsRemoved() {
	p := d.start(everyRole, true)
	d.answersCome(p)
	_ = p.stop()
	p = d.start(everyRole, false)
	d.await(p, "retention goes on without the removed sink", func(s drillStatus) bool { return s.proof.Freed > 0 && s.proof.Blocked == "" })
	d.answersCome(p)
	_ = p.stop()
}

// validatorIsAway: observations fill the stream to the mark at which observers stop; the validator comes back and finds room for
// what it must write.
func (d *drill) validatorIsAway() {
	p := d.start("observe, serve", false)
	d.await(p, "observations wait for the validator", func(s drillStatus) bool { return s.proof.Blocked != "" })
	_ = p.stop()
	p = d.start(everyRole, false)
	d.await(p, "the stream drains", func(s drillStatus) bool { return s.proof.Blocked == "" && s.proof.Freed > 0 })
	d.answersCome(p)
	_ = p.stop()
}

// receiverIsDown: a sink that cannot deliver holds back retention until the stream is full, and goes on when its receiver does.
func (d *drill) receiverIsDown() {
	d.sick.Store(true)
	p := d.start(everyRole, true)
	d.await(p, "appends wait for the sink", func(s drillStatus) bool { return s.proof.Blocked != "" || s.proof.Holding != "" })
	d.sick.Store(false)
	d.await(p, "the stream drains", func(s drillStatus) bool { return s.proof.Blocked == "" && s.proof.Freed > 0 })
	d.answersCome(p)
	_ = p.stop()
}

type drillStatus struct {
	proof struct {
		Name, Blocked, Holding string
		Freed                  uint64
	}
}

func (d *drill) status(p *process) (s drillStatus, err error) {
	body, err := get(p.url + "/v1/status")
	if err != nil {
		return s, err
	}
	var whole struct {
		Journal struct {
			Detail struct {
				Streams []json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(body, &whole); err != nil {
		return s, err
	}
	for _, raw := range whole.Journal.Detail.Streams {
		if err := json.Unmarshal(raw, &s.proof); err != nil {
			return s, err
		}
		if strings.HasPrefix(s.proof.Name, "PROOF") {
			return s, nil
		}
	}
	return s, fmt.Errorf("no stream PROOF in %.300s", body)
}

// await waits for a state of the stream PROOF.
func (d *drill) await(p *process, what string, reached func(drillStatus) bool) {
	d.t.Helper()
	started := time.Now()
	eventually(d.t, 4*time.Minute, func() error {
		s, err := d.status(p)
		if err == nil && !reached(s) {
			err = fmt.Errorf("%s: not after %s: %+v", what, time.Since(started).Round(time.Second), s.proof)
		}
		return err
	})
	d.t.Logf("%s: after %s", what, time.Since(started).Round(100*time.Millisecond))
}

// answersCome waits until every feed has an answer for a round that began after this call.
func (d *drill) answersCome(p *process) {
	d.t.Helper()
	since := dodona.RoundAt(time.Now())
	eventually(d.t, 4*time.Minute, func() error {
		for i := range drillFeeds {
			name := fmt.Sprintf("walk-%d", i)
			body, err := get(p.url + "/v1/feeds/" + name)
			if err != nil {
				return err
			}
			var feed api.FeedStatus
			if err := json.Unmarshal(body, &feed); err != nil {
				return err
			}
			if feed.Latest == nil || !feed.Latest.Attested || feed.Latest.Round < since {
				return fmt.Errorf("the newest answer of %s is %+v, want one after %s", name, feed.Latest, since)
			}
		}
		return nil
	})
}
