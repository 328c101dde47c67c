package capability

import (
	"fmt"

	"github.com/dodona-oracle/dodona/internal/plain"

	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// The bounds of a module's state.
const (
	maxStateKeys  = 16
	maxStateKey   = 64   // bytes
	maxStateBytes = 4096 // keys and values
)

var state = abi.Set{
	Module: manifest.ABI, Needs: "state", Granted: func(c manifest.Capabilities) bool { return c.State },
	Missing: func(w abi.World) string { return absent(w.Host.State == nil, "no state for modules") },
	Functions: []abi.Function{
		{Name: "state_get", Signature: "ii:i", Call: abi.Without(stateGet)},
		{Name: "state_put", Signature: "iiii:i", Call: abi.Without(statePut)},
	},
}

// CheckState returns an error if no module could have left state.
func CheckState(state map[string][]byte) error {
	size := 0
	for key, value := range state {
		if !isStateKey(key) {
			return fmt.Errorf("key %.80q of a state: want 1 to %d bytes of printable characters", key, maxStateKey)
		}
		if len(value) == 0 {
			return fmt.Errorf("key %q of a state has an empty value", key)
		}
		size += len(key) + len(value)
	}
	if len(state) > maxStateKeys || size > maxStateBytes {
		return fmt.Errorf("a state of %d keys and %d bytes: at most %d and %d", len(state), size, maxStateKeys, maxStateBytes)
	}
	return nil
}

func isStateKey(s string) bool { return s != "" && len(s) <= maxStateKey && plain.Is(s) }

func stateGet(g abi.Guest, s []uint64) {
	key := g.View(s[0], s[1])
	g.Pay(0, len(key))
	unstage(g)
	switch value, found := g.State()[string(key)]; {
	case g.Outside():
		abi.Reply(s, -abi.EAGAIN)
	case !found:
		abi.Reply(s, -abi.ENOENT)
	default:
		g.Stage(value, abi.NoTime)
		abi.Reply(s, int32(len(value)))
	}
}

func statePut(g abi.Guest, s []uint64) {
	key, value := g.View(s[0], s[1]), g.View(s[2], s[3])
	g.Pay(0, len(key)+len(value))
	if g.Outside() {
		abi.Reply(s, -abi.EAGAIN)
		return
	}
	abi.Reply(s, put(g, string(key[:min(len(key), maxStateKey+1)]), value))
}

// put sets or, without a value, deletes one key.
func put(g abi.Guest, key string, value []byte) int32 {
	if !isStateKey(key) {
		return -abi.EINVAL
	}
	old, found := g.State()[key]
	if len(value) == 0 {
		if found {
			delete(g.Change(), key)
		}
		return 0
	}
	size, keys := len(value)-len(old), len(g.State())
	if !found {
		size, keys = size+len(key), keys+1
	}
	for k, v := range g.State() {
		size += len(k) + len(v)
	}
	if keys > maxStateKeys || size > maxStateBytes {
		return -abi.ENOSPC
	}
	g.Change()[key] = append([]byte(nil), value...)
	return 0
}
