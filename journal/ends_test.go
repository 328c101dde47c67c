package journal

import (
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestNotesOfEndsWithADamagedBitAreNotBelieved, whichever bit it is.
func TestNotesOfEndsWithADamagedBitAreNotBelieved(t *testing.T) {
	at := time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC)
	ends := map[string]streamEnd{
		"PROOF-0000000000000000": {at, 4711, at.Add(time.Hour), jetstream.StreamConfig{Name: "PROOF-0000000000000000", Description: "<&>"}},
		"PROOF-0700000000000000": {at, 17, time.Time{}, jetstream.StreamConfig{Name: "PROOF-0700000000000000"}},
	}
	text, err := textOf(ends)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := endsIn(text); err != nil || !reflect.DeepEqual(got, ends) {
		t.Fatalf("%s is read as %+v, %v", text, got, err)
	}
	for bit := range 8 * len(text) {
		damaged := append([]byte(nil), text...)
		damaged[bit/8] ^= 1 << (bit % 8)
		if got, err := endsIn(damaged); err == nil && !reflect.DeepEqual(got, ends) {
			t.Errorf("%s is read as %+v", damaged, got)
		}
	}
	for size := range text {
		if got, err := endsIn(text[:size]); err == nil {
			t.Errorf("%s is read as %+v", text[:size], got)
		}
	}
}
