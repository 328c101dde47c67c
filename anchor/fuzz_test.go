package anchor_test

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// FuzzFind puts altered plans, parts and anchors into the journal: whatever is found must lead to its root.
func FuzzFind(f *testing.F) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	answer := w.attest(noon, "a", at(20*time.Second))
	w.restart(f)
	if _, err := w.advance(f, noon.Add(2*time.Minute)); err != nil {
		f.Fatal(err)
	}
	kinds := []struct {
		topic dodona.Topic
		key   string
	}{{dodona.TopicAnchor, anchor.KeySeries}, {dodona.TopicLeaf, anchor.KeyPlan}, {dodona.TopicLeaf, anchor.KeyPart}}
	for kind, k := range kinds {
		for i, rec := range w.ledger.of(k.topic, k.key) {
			f.Add(kind, i, 0, 0, []byte(nil))
			f.Add(kind, i, 5, 1, []byte("9"))
			f.Add(kind, i, 0, len(rec.Body), []byte(`{"anchor":{"to":1,"count":268435456},"parts":[{"holds":"leaves"}]}`))
			f.Add(kind, i, len(rec.Body)/2, len(rec.Body)/2, []byte(nil))
		}
	}
	fuzztest.Run(f, func(t *testing.T, kind, which, from, remove int, insert []byte) {
		k := kinds[uint(kind)%uint(len(kinds))]
		list := w.ledger.of(k.topic, k.key)
		at := uint(which) % uint(len(list))
		whole := list[at]
		defer func() { list[at] = whole }()
		if from < 0 || from > len(whole.Body) || remove < 0 || remove > len(whole.Body)-from {
			return
		}
		list[at].Body = append(append(append([]byte(nil), whole.Body[:from]...), insert...), whole.Body[from+remove:]...)
		place, err := anchor.Find(t.Context(), w.ledger, answer.Attestation, noon)
		if err == nil && (place.Proof.Root() != place.Anchored.Anchor.Root || place.Proof.Leaf != answer.Attestation.Leaf()) {
			t.Fatalf("found %+v", place)
		}
		gap, _, err := anchor.FindGap(t.Context(), w.ledger, "a", answer.Attestation.Report.Round+10_000)
		if err == nil && gap.Proof.Root() != gap.Anchored.Anchor.Root {
			t.Fatalf("found %+v", gap)
		}
		w.restart(t)
		_, _ = w.advance(t, noon.Add(2*time.Minute)) // nothing is due, whatever the records say
	})
}
