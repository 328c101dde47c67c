//go:build integration

package journal

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestADropBeforeAStopIsTold: the server drops the end of a stream without a word, and is stopped before the next look at it, with the hub, or to be
// started again for another stream. The stop writes down where the stream ends by now. The server may be too busy to say what it dropped, or drop it
// in the stop itself.
func TestADropBeforeAStopIsTold(t *testing.T) {
	stop := func(t *testing.T, h *hub, drop func()) {
		drop()
		h.again(t, func() error { return nil })
	}
	start := func(t *testing.T, h *hub, drop func()) {
		drop()
		server := h.nc.ConnectedServerId()
		h.storeDropped(h.net.stream(streamRaw))
		until(t, "the store is started again", func() bool { return h.nc.IsConnected() && h.nc.ConnectedServerId() != server })
	}
	busy := func(t *testing.T, h *hub, drop func()) {
		h.local.Store.Stopping = func() { h.lookBeforeStop(0) }
		start(t, h, drop)
	}
	within := func(t *testing.T, h *hub, drop func()) {
		look := h.local.Store.Stopping
		h.local.Store.Stopping = func() { look(); drop() }
		start(t, h, func() {})
	}
	for name, c := range map[string]struct {
		network dodona.Digest // the hub's; what is dropped is of the zero one
		ends    func(t *testing.T, h *hub, drop func())
	}{
		"of another network, by a stop": {dodona.Digest{7}, stop}, "its own, by a stop": {dodona.Digest{}, stop},
		"of another network, by a start": {dodona.Digest{7}, start}, "its own, by a start": {dodona.Digest{}, start},
		"of another network, by a busy start": {dodona.Digest{7}, busy}, "its own, by a busy start": {dodona.Digest{}, busy},
		"of another network, within a start": {dodona.Digest{7}, within}, "its own, within a start": {dodona.Digest{}, within},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := Limits{Bytes: 64 * unit.MiB}
			h := startHub(t, Config{Dir: t.TempDir(), Network: c.network, Proof: limits})
			a := open(t, Config{Node: "gw-1", URL: "nats://" + h.Addr().String(), Proof: limits})
			bus, subject := a.net.stream(streamProof), a.net.subject(dodona.TopicClaim, "report.x.ab", "*")
			appendEvents(t, a, "before", 5, 100)
			appendEvents(t, a, "victim", 1, 100)
			time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
			round := now()
			if err := a.Append(t.Context(), claim("report.x.ab", 0)); err != nil {
				t.Fatal(err)
			}
			appendEvents(t, a, "behind", 3, 100)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(coldAfter + time.Second)
			raise(t, filepath.Join(streamsDir(h.cfg.Dir), bus, "msgs"), "victim0", 5)
			nc, err := nats.Connect("nats://" + h.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			request, _ := json.Marshal(query{LastFor: subject})
			c.ends(t, h, func() {
				_, _ = nc.Request("$JS.API.DIRECT.GET."+bus, request, 3*time.Second) // which meets the damage, whatever it is answered
			})
			second := joinAs(t, h.Journal, "gw-2", dodona.Digest{})
			_, err = second.Last(t.Context(), dodona.TopicClaim, "report.x.ab")
			forgot, forgotErr := second.Forgot(t.Context())
			if lost := errors.Is(err, dodona.ErrNotFound); forgotErr != nil || err != nil && !lost || lost && forgot.Before(round.Time()) {
				t.Errorf("the claim of %s: %v; who starts then hears %s, %v", round, err, forgot, forgotErr)
			}
		})
	}
}

// TestWhatWasDroppedLastIsOnTheDisk, though the journal closes at once.
func TestWhatWasDroppedLastIsOnTheDisk(t *testing.T) {
	for range 5 {
		cfg := Config{Dir: t.TempDir(), Node: "gw-1"}
		j, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		bus := j.net.stream(streamProof)
		j.storeDropped(bus)
		_ = j.Close()
		if _, err := os.Stat(filepath.Join(cfg.Dir, holeFile+bus)); err != nil {
			t.Errorf("what was dropped is not noted: %v", err)
		}
	}
}

// TestAStartEndsATurn: what was asked when the store was started again is never answered, and the next turn comes.
func TestAStartEndsATurn(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	l := h.lanes[streamProof]
	appendEvents(t, h.Journal, "before", 5, 100)
	for n := range 4 {
		select {
		case <-l.house.turned:
		default:
		}
		server := h.nc.ConnectedServerId()
		poke(l.house.wake)
		time.Sleep(time.Duration(n) * 300 * time.Microsecond)
		h.storeDropped(l.streamName)
		select {
		case <-l.house.turned:
		case <-time.After(retainWithin - 10*time.Second):
			t.Fatal("the turn goes on though its connection has ended")
		}
		until(t, "the store is started again", func() bool { return h.nc.IsConnected() && h.nc.ConnectedServerId() != server })
	}
}
