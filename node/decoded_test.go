package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest/registertest"
)

// withRegisters are the kinds of this build and one that owns its wire format: all that such a kind takes.
func withRegisters() []source.Kind { return append(all.Sources(), registertest.Kind) }

// device answers whoever connects with a frame, until the test or unplug ends it.
func device(t *testing.T, frame ...byte) (address string, unplug func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unplug = func() { _ = l.Close() }
	t.Cleanup(unplug)
	go func() {
		for {
			connection, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Write(frame)
			_ = connection.Close()
		}
	}()
	return l.Addr().String(), unplug
}

func TestAKindThatOwnsItsWireFormatAnswersAndReplays(t *testing.T) {
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	address, unplug := device(t, 0, 0, 0, 215, 1, 0)
	c, err := config.Load(strings.NewReader(fmt.Sprintf(`
node: {name: gw-1, data: %q}
api: {listen: "127.0.0.1:0"}
modules: {dir: %q, unsigned: true}
sources:
  plc: {registers: {address: %q, registers: {temperature: {at: 1, decimals: 1, unit: Cel}, level: {at: 2}}}}
feeds:
  boiler: {unit: Cel, decimals: 1, every: 200ms, from: [plc.temperature]}
  counted: {every: 200ms, decimals: 0, from: [plc.level], points: [counted], module: {name: counter, version: 1.0.0, allow: {state: true, read_sensor: [plc]}}}
`, t.TempDir(), modules, address)), "test.yaml", append(config.KindsOf(withRegisters()...), config.KindsOf(all.Sinks()...)...))
	if err != nil {
		t.Fatal(err)
	}
	seen := newOutcomes()
	n, err := Open(t.Context(), Options{Config: c, Kinds: withRegisters(), Sinks: all.Sinks(), OnRound: seen.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	stop := run(t, n)
	var exported []string
	for _, feed := range []string{"boiler", "counted"} {
		out := seen.await(t, "an answer of "+feed, func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == feed })
		b, err := explain.Export(t.Context(), n.journal, n.id.salt, feed, out.Round)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.MarshalIndent(b, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		exported = append(exported, string(raw))
	}
	stop()
	unplug()

	if strings.Contains(exported[0]+exported[1], address) {
		t.Error("a bundle holds the address of the device")
	}
	decoders := program.DecodersOf(withRegisters()...)
	for _, raw := range exported {
		b := bundleOf(t, raw)
		r, err := explain.Replay(t.Context(), b, sandboxed(t), decoders)
		if err != nil || !r.Same {
			t.Errorf("%v\n%s", err, r)
		}
		if _, err := explain.Replay(t.Context(), b, sandboxed(t), program.DecodersOf(all.Sources()...)); !errors.Is(err, program.ErrNoDecoder) || !strings.Contains(err.Error(), `source "plc" is of kind "registers"`) {
			t.Errorf("a build without the kind says %v", err)
		}
	}
	if v := bundleOf(t, exported[0]); v.Value == nil || v.Value.String() != "215" {
		t.Errorf("value %v, want 215, with one decimal", v.Value)
	}

	for name, change := range map[string]struct{ of, to string }{
		"another register": {`"at": 1`, `"at": 2`},
		"another kind":     {`"kind": "registers"`, `"kind": "modbus"`},
	} {
		changed := strings.Replace(exported[0], change.of, change.to, 1)
		if changed == exported[0] {
			t.Fatalf("%s: the bundle does not hold %s", name, change.of)
		}
		r, err := explain.Replay(t.Context(), bundleOf(t, changed), nil, decoders)
		if step, _ := r.Differs(); err != nil || step.Name != explain.StepRules {
			t.Errorf("%s: want the rules to differ, got %v\n%s", name, err, r)
		}
	}
}

func bundleOf(t *testing.T, raw string) (b dodona.Bundle) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), &b); err != nil {
		t.Fatal(err)
	}
	return b
}
