package node

import (
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Check says why this build cannot run a node by a configuration that has no mistakes, as a [*strict.MistakesError].
// It dials, opens and writes nothing.
func Check(c *config.Config) error {
	if bus.Embeds || c.Journal.URL != "" {
		return nil
	}
	return &strict.MistakesError{Mistakes: []strict.Mistake{{
		File: c.Name, Message: "journal.url: " + bus.ErrNoServer.Error(),
	}}}
}
