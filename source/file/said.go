package file

import (
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona/source"
)

const warnAgainAfter = time.Hour

// An hourly logs what stops no other file, each sentence once an hour.
type hourly struct {
	env  source.Env
	last map[string]time.Time // by sentence
}

func newHourly(env source.Env) hourly { return hourly{env, map[string]time.Time{}} }

func (h hourly) say(what string) {
	now := h.env.Now()
	if now.Sub(h.last[what]) < warnAgainAfter {
		return
	}
	if len(h.last) > maxFiles {
		clear(h.last)
	}
	h.last[what] = now
	h.env.Log.Warn(fmt.Sprintf("%s: %s", h.env.Source, what), "source", h.env.Source)
}

// sayer tells of a file of a source.
func sayer(env source.Env, name string) func(what string) {
	return func(what string) {
		env.Log.Info(fmt.Sprintf("%s: %s: %s", env.Source, name, what), "source", env.Source)
	}
}
