//go:build integration

package journal

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sign"
)

// TestAStoreThatIsLostBetweenTwoSignersOfOneKey: one signs; the store is lost; the other one, which knows nothing of the claim, an older one, or
// decided that there is none just before, must not sign another digest of that round.
func TestAStoreThatIsLostBetweenTwoSignersOfOneKey(t *testing.T) {
	key, err := sign.ParseKey("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ wrote, knew, waits bool }{
		"it wrote nothing": {}, "it wrote": {wrote: true}, "it knew an older claim": {knew: true}, "both": {wrote: true, knew: true},
		"it has decided and waits in its lane": {waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
			a, b := joinAs(t, server, "gw-1", dodona.Digest{}), joinAs(t, server, "gw-2", dodona.Digest{})
			made, err := a.Forgot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(made.Add(3 * sign.Ahead))) // the first rounds of a new store are not signed
			round := dodona.RoundAt(time.Now())
			first, second := sign.New(sign.Options{Key: key, Journal: a, Forgot: a.Forgot}), sign.New(sign.Options{Key: key, Journal: b, Forgot: b.Forgot})
			claim := func(digest byte, round dodona.Round) dodona.Claim {
				return dodona.Claim{
					Network: dodona.Digest{9}, Type: "observation", Subject: "boiler", Round: round,
					Digest: dodona.Digest{digest}, Observed: dodona.Digest{digest},
				}
			}
			event := func(id string) {
				if err := b.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: id}); err != nil {
					t.Fatal(err)
				}
			}
			if c.wrote {
				event("before")
			}
			for _, s := range []*sign.Signer{first, second} {
				if !c.knew {
					break
				}
				if _, err := s.Sign(t.Context(), claim(7, round-1)); err != nil {
					t.Fatal(err)
				}
			}
			release, done := make(chan struct{}), make(chan error, 1)
			late := func() {
				_, err := second.Sign(t.Context(), claim(2, round))
				done <- err
			}
			if c.waits {
				b.lanes[streamProof].visits <- func() { <-release }
				go late()
				for len(b.lanes[streamProof].queue) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			if _, err := first.Sign(t.Context(), claim(1, round)); err != nil {
				t.Fatal(err)
			}
			if err := server.js.DeleteStream(t.Context(), a.net.stream(streamProof)); err != nil {
				t.Fatal(err)
			}
			close(release)
			if !c.waits {
				go late()
			}
			err = <-done
			if err != nil && !errors.Is(err, sign.ErrBefore) { // the server says that there is no stream
				event("after") // makes it anew
				go late()
				err = <-done
			}
			if !errors.Is(err, sign.ErrBefore) {
				t.Errorf("the second signer says %v, want %v", err, sign.ErrBefore)
			}
			if _, err := first.Sign(t.Context(), claim(1, round)); err != nil {
				t.Errorf("the first one, its own claim again: %v", err)
			}
		})
	}
}

// TestAPlaceOfALostStreamIsNotOneOfTheNext: the second signer's last claim stood at a place of the lost stream that has the number of the first
// one's claim in the next. The second one has not met the next stream yet.
func TestAPlaceOfALostStreamIsNotOneOfTheNext(t *testing.T) {
	later := func() time.Time { return time.Now().Add(time.Minute) } // of the signers: what a new stream does not let be signed is past
	key, server, first, second := twoSigners(t, Config{}, later)
	a, proof := first.journal, first.journal.net.stream(streamProof)
	end := func() uint64 {
		stream, err := a.js.Stream(t.Context(), proof)
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().State.LastSeq
	}
	event := func(id string) {
		if err := a.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		event("before-" + strconv.Itoa(n))
	}
	if err := second.sign(t, 7, dodona.RoundAt(later())); err != nil {
		t.Fatal(err)
	}
	place := end()
	if err := server.js.DeleteStream(t.Context(), proof); err != nil {
		t.Fatal(err)
	}
	for n := 0; n == 0 || end()+1 < place && n < 10; n++ { // if it begins at 1 again
		event("after-" + strconv.Itoa(n))
	}
	round := dodona.RoundAt(later())
	if err := first.sign(t, 1, round); err != nil {
		t.Fatal(err)
	}
	if err := second.sign(t, 2, round); !errors.Is(err, dodona.ErrConflict) {
		t.Errorf("another digest of a round that is signed, by %s: %v, want %v", key.Address().Short(), err, dodona.ErrConflict)
	}
}

// TestClocksOfALostStore: the server's clock is behind that of the nodes, or ahead.
func TestClocksOfALostStore(t *testing.T) {
	t.Run("behind", func(t *testing.T) {
		t.Parallel()
		ahead := func() time.Time { return time.Now().Add(time.Hour) }
		_, server, first, second := twoSigners(t, Config{Now: ahead}, func() time.Time { return ahead().Add(time.Minute) })
		round := dodona.RoundAt(ahead().Add(time.Minute))
		if err := first.sign(t, 1, round); err != nil {
			t.Fatal(err)
		}
		if err := server.js.DeleteStream(t.Context(), first.journal.net.stream(streamProof)); err != nil {
			t.Fatal(err)
		}
		// One that had written nothing, and so knows of no loss, makes the next.
		third := open(t, Config{Node: "gw-3", URL: second.journal.cfg.URL, Now: ahead})
		if err := third.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "after"}); err != nil {
			t.Fatal(err)
		}
		forgot, err := second.journal.Forgot(t.Context())
		if err != nil || forgot.Before(ahead().Add(-time.Minute)) {
			t.Errorf("the second one says %v, %v; the stream was made now, at %v", forgot, err, ahead())
		}
	})
	t.Run("ahead", func(t *testing.T) {
		t.Parallel()
		behind := func() time.Time { return time.Now().Add(-time.Hour) }
		_, _, _, second := twoSigners(t, Config{Now: behind}, func() time.Time { return behind().Add(30 * time.Second) })
		if err := second.sign(t, 1, dodona.RoundAt(behind().Add(30*time.Second))); err != nil {
			t.Errorf("a clock that is ahead of two others keeps a key from signing: %v", err)
		}
	})
}

// A process signs over a journal of its own.
type process struct {
	journal *Journal
	signer  *sign.Signer
}

// twoSigners returns two processes with one key, whose journals are on one server and as cfg says. now is their signers' clock.
func twoSigners(t *testing.T, cfg Config, now func() time.Time) (key *sign.Key, server *Journal, first, second process) {
	t.Helper()
	key, err := sign.ParseKey("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	server = open(t, Config{Listen: "127.0.0.1:0", Node: "srv", Network: dodona.Digest{1}}) // another network: the nodes make their own streams
	cfg.URL = "nats://" + server.Addr().String()
	one := func(node string) process {
		cfg.Node = node
		j := open(t, cfg)
		return process{j, sign.New(sign.Options{Key: key, Journal: j, Forgot: j.Forgot, Now: now})}
	}
	return key, server, one("gw-1"), one("gw-2")
}

func (p process) sign(t *testing.T, digest byte, round dodona.Round) error {
	t.Helper()
	_, err := p.signer.Sign(t.Context(), dodona.Claim{
		Network: dodona.Digest{9}, Type: "observation", Subject: "boiler", Round: round,
		Digest: dodona.Digest{digest}, Observed: dodona.Digest{digest},
	})
	return err
}
