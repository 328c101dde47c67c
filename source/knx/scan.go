package knx

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// MaxHeard is how many groups a scan tells of at most.
const MaxHeard = 10_000

// A Heard is a group that somebody spoke to while a scan listened.
type Heard struct {
	Address string // in three levels
	Times   int    // that a value came
	Bits    int    // of the last value: up to six, or eight for each byte
	Last    []byte //
	From    string // the device that sent it
}

// Scan listens to a bus until ctx ends or as many as most groups spoke, and returns them by their address. It sends nothing but what keeps a tunnel: no
// telegram goes to the bus. The groups of the settings do not matter.
func Scan(ctx context.Context, s Settings, most int) ([]Heard, error) {
	most = min(most, MaxHeard)
	found := map[uint16]*Heard{}
	b := &bus{settings: s, env: source.Env{Now: time.Now, Dropped: func(uint64, string) {}}}
	b.settings.Watch, b.settings.Groups = none, nil
	b.ended, b.end = context.WithCancel(context.Background())
	enough, stop := context.WithCancel(ctx)
	defer stop()
	b.scan = func(t telegram) {
		h := found[t.group]
		if h == nil {
			if len(found) == most {
				stop()
				return
			}
			h = &Heard{Address: groupText(t.group)}
			found[t.group] = h
		}
		h.Times++
		h.Bits, h.Last, h.From = 8*len(t.value), slices.Clone(t.value), individualText(t.source)
		if t.small {
			h.Bits = 6
		}
	}
	var err error
	for enough.Err() == nil && err == nil {
		_, err = b.Observe(enough)
	}
	_ = b.Close() // whoever reads found waits for the line here
	if enough.Err() != nil {
		err = nil
	}
	all := make([]Heard, 0, len(found))
	for _, group := range slices.Sorted(maps.Keys(found)) {
		all = append(all, *found[group])
	}
	return all, err
}

// scan listens to a bus and tells the groups that were heard. It needs time: who says nothing is not found.
func scan(ctx context.Context, s Settings, within source.Range, _ source.Env, found func(source.Found) error) (more bool, err error) {
	list, err := Scan(ctx, s, within.Most)
	for _, h := range list {
		f := source.Found{Name: "group-" + h.Address, Point: Group{Address: h.Address, DPT: likely(h)}}
		f.Note = fmt.Sprintf("%s, the last from %s: %x", unit.Count(h.Times, "telegram"), h.From, h.Last)
		if err := found(f); err != nil {
			return false, err
		}
	}
	return len(list) == within.Most, err
}

// likely returns the datapoint type that values of so many bits mostly have; the group's own stands in the project of the ETS.
func likely(h Heard) string {
	switch h.Bits {
	case 6:
		return "1.001"
	case 8:
		return "5.001"
	case 16:
		return "9.001"
	case 32:
		return "14.*"
	}
	return "1.001"
}
