package node

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona/source"
)

// A Scan looks what a device has. It reads, and changes nothing at the device; no node need run.
type Scan struct {
	Name     string // of the source, in messages
	Kind     source.Kind
	Settings any // of the kind; points in them do not count
	Version  string
	Data     string // the node's data folder, where kinds keep whom they trust; empty: none

	Of       string // where to look, as the kind has places; empty: everywhere that is usual
	From, To uint64 // addresses, of kinds that have them; To 0: as far as is usual
	Most     int    // so many are found at most
}

// A Found is a point, or a source, of a device.
type Found struct {
	Name  string // that of the point or source: in small letters, digits and hyphens, and another one for each
	Point any    // the settings of a point as its kind has them; those of the source if the kind has no points
	Note  string // for people
	Idle  bool   // it is no number as it stands
}

// Run returns what was found until ctx ended or it failed, and whether there is more than Most let it find. Each is told how many it is.
func (s Scan) Run(ctx context.Context, each func(n int)) (list []Found, more bool, err error) {
	env := source.Env{Source: s.Name, Version: s.Version, Now: time.Now}
	if s.Data != "" {
		env.Folder = filepath.Join(s.Data, s.Kind.Name())
	}
	within := source.Range{Of: s.Of, From: s.From, To: s.To, Most: s.Most}
	names := map[string]bool{}
	more, err = s.Kind.Scan(ctx, s.Settings, within, env, func(f source.Found) error {
		list = append(list, Found{another(names, source.NameFor(f.Name)), f.Point, f.Note, f.Idle})
		each(len(list))
		return nil
	})
	return list, more, err
}

// another returns a name that was not given yet, as much like the wanted one as can be.
func another(given map[string]bool, wanted string) string {
	if wanted == "" {
		wanted = "point"
	}
	name := wanted
	for n := 2; given[name]; n++ {
		name = fmt.Sprintf("%.56s-%d", wanted, n)
	}
	given[name] = true
	return name
}
