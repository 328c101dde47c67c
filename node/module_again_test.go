//go:build integration

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestAModuleRunsOnceTheMachineIsWell: the compiler's child is killed, as the system does where memory is short. The feed says so, and answers
// later without anybody's help; one that ends meanwhile waits for nothing.
func TestAModuleRunsOnceTheMachineIsWell(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	modules, well := t.TempDir(), filepath.Join(t.TempDir(), "well")
	child := []string{"/bin/sh", "-c", fmt.Sprintf(`[ -e %q ] && exec %q %s "$@"; kill -9 $$`, well, self, compileWorker), "sh"}
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	for _, recovers := range []bool{true, false} {
		seen := newOutcomes()
		text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
		n := openNode(t, text, Options{OnRound: seen.add, Compile: child})
		stop := run(t, n)
		seen.await(t, "the reason", missedFor("the child ended"))
		if recovers {
			writeFile(t, filepath.Dir(well), "well", nil)
			seen.await(t, "an answer", func(o Outcome) bool { return counted(o) > 0 })
			if status := (state{n}).Status().Modules; len(status) != 1 || !status[0].Running {
				t.Errorf("status %+v", status)
			}
			if err := os.Remove(well); err != nil {
				t.Fatal(err)
			}
		}
		stop()
	}
}
