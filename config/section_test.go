package config

import (
	"reflect"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// TestSectionsStandOnTheirOwn holds what the walks over sections take for granted.
func TestSectionsStandOnTheirOwn(t *testing.T) {
	c := defaults()
	for _, s := range sections(&c) {
		if s.value.Kind() == reflect.Struct {
			if _, ok := s.value.Addr().Interface().(interface{ Default() }); !ok {
				t.Errorf("section %s has no method Default", s.key)
			}
		}
	}
	for _, s := range settings(&c) {
		if known := words(s.value.Type()); known != nil && !slices.Contains(known, s.value.String()) {
			t.Errorf("%s: the default %q is none of %s", s.name, s.value, strict.ListOf(known))
		}
	}
}

// TestAReloadKeepsWhatIsNotLive changes every setting at once.
func TestAReloadKeepsWhatIsNotLive(t *testing.T) {
	old, next := defaults(), Config{}
	got := old.Reloaded(&next)
	live, restart := sectionChanges(&old, &next)
	for _, want := range []string{"log.level", "node.memory"} {
		if !slices.Contains(live, want) {
			t.Errorf("a reload changes %v, want %s among them", live, want)
		}
	}
	if len(restart) < 10 {
		t.Errorf("only %v want a restart", restart)
	}
	changed, kept := sectionChanges(&old, got)
	if !reflect.DeepEqual(changed, live) || kept != nil {
		t.Errorf("after a reload %v and %v differ, want %v alone", changed, kept, live)
	}
	if !reflect.DeepEqual(next, Config{}) {
		t.Errorf("the new configuration was changed: %+v", next)
	}
}
