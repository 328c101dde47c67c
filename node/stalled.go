package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

// stillRounds is how many rounds of a feed may pass without one that is kept, missed ones included, and stillLeast the time
// that is always granted: a slow disk, a long reload.
const (
	stillRounds = 3
	stillLeast  = time.Minute
)

// Stalled returns the feeds whose rounds do not move, sorted, each with since when, for a supervisor that can restart the
// process. A round that is missed moves. A feed that waits for the clock or for its module is not named, and none is while
// the journal says what it waits for, room or its server: a restart helps none of these. It may take a second.
func (n *Node) Stalled() []string {
	var list []string
	feeds, asked := n.observer.feeds.all(), n.observer.rounds.lastAsked()
	for _, f := range n.config().Feeds {
		name := f.Feed.Name
		running, found := feeds[name]
		if !found {
			continue
		}
		if still := running.still(asked); still > max(stillLeast, stillRounds*f.Settings.Every) {
			list = append(list, fmt.Sprintf("%s for %s", name, still.Round(time.Second)))
		}
	}
	slices.Sort(list)
	if len(list) > 0 && n.state.journalStatus(n.now()).Quality == dodona.Bad {
		return nil
	}
	return list
}
