package module

import (
	"fmt"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// The bounds of a module's state.
const (
	maxStateKeys  = 16
	maxStateKey   = 64   // bytes
	maxStateBytes = 4096 // keys and values
)

// checkState returns an error if no module could have left state.
func checkState(state map[string][]byte) error {
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

// state is what the event has so far.
func (ev *event) state() map[string][]byte {
	if ev.after != nil {
		return ev.after
	}
	return ev.before
}

func stateGet(in *instance, s []uint64) {
	key := in.view(s[0], s[1])
	in.pay(0, len(key))
	ev := &in.event
	ev.unstage()
	switch value, found := ev.state()[string(key)]; {
	case in.outside():
		reply(s, -eagain)
	case !found:
		reply(s, -enoent)
	default:
		ev.staged = value
		reply(s, int32(len(value)))
	}
}

func statePut(in *instance, s []uint64) {
	key, value := in.view(s[0], s[1]), in.view(s[2], s[3])
	in.pay(0, len(key)+len(value))
	if in.outside() {
		reply(s, -eagain)
		return
	}
	reply(s, in.event.put(string(key[:min(len(key), maxStateKey+1)]), value))
}

// put sets or, without a value, deletes one key.
func (ev *event) put(key string, value []byte) int32 {
	if !isStateKey(key) {
		return -einval
	}
	old, found := ev.state()[key]
	if len(value) == 0 {
		if found {
			delete(ev.change(), key)
		}
		return 0
	}
	size, keys := len(value)-len(old), len(ev.state())
	if !found {
		size, keys = size+len(key), keys+1
	}
	for k, v := range ev.state() {
		size += len(k) + len(v)
	}
	if keys > maxStateKeys || size > maxStateBytes {
		return -enospc
	}
	ev.change()[key] = append([]byte(nil), value...)
	return 0
}
