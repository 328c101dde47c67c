//go:build integration

package journal

import (
	"errors"
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
