package explain_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestAShadowIsCarriedButNotBound(t *testing.T) {
	p, b := three(t)
	edit(t, p, dodona.TopicRound, b.Round, func(b *dodona.Bundle) {
		b.Shadow = &dodona.Shadow{
			Rules: json.RawMessage(`{"format":1}`), Version: dodona.Digest{9}, Points: []dodona.Point{{ID: "kraken"}},
			Transcript: []byte("told"), State: map[string][]byte{"n": {1}}, Fuel: 7,
		}
	})
	out := carried(t, exported(t, p, b.Round))
	if s := out.Shadow; s == nil || len(s.Points) != 1 || string(s.Transcript) != "told" || s.Fuel != 7 || s.Version != (dodona.Digest{9}) {
		t.Fatalf("the exported bundle carries the shadow %+v", s)
	}
	with := replayed(t, out)
	if !with.Same || len(with.Unbound) != 1 || !strings.Contains(with.String(), "bound by nothing that was signed: what a shadow made beside the answer, 1 point\n") {
		t.Errorf("got %s", with)
	}
	story := explained(t, p, b.Round)
	if len(story.Broken) > 0 {
		t.Errorf("a shadow breaks the story: %q", story.Broken)
	}
	out.Shadow.Points[0].ID, out.Shadow.Transcript = "forged", nil
	if forged := replayed(t, out); !reflect.DeepEqual(forged, with) {
		t.Errorf("what a shadow says changes the replay:\n%s\n%s", forged, with)
	}
	out.Shadow = nil
	without := replayed(t, out)
	if with.Unbound = nil; !reflect.DeepEqual(without, with) {
		t.Errorf("a bundle without the shadow replays otherwise:\n%s\n%s", without, with)
	}
}

func TestARoundWithoutAShadowIsWrittenAsEver(t *testing.T) {
	p, b := three(t)
	bundle := exported(t, p, b.Round)
	for name, v := range map[string]any{"bundle": bundle, "replayed": replayed(t, bundle)} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "hadow") || strings.Contains(string(raw), "unbound") {
			t.Errorf("%s %s", name, raw)
		}
	}
}
