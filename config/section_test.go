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

// TestEachSettingIsLiveOrWantsARestart changes every setting at once.
func TestEachSettingIsLiveOrWantsARestart(t *testing.T) {
	old, next := defaults(), Config{}
	live, restart := sectionChanges(&old, &next)
	if !slices.Equal(live, []string{"log.level", "node.memory"}) {
		t.Errorf("a reload changes %v, want log.level and node.memory", live)
	}
	if len(restart) < 10 {
		t.Errorf("only %v want a restart", restart)
	}
}
