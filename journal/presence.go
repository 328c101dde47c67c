package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// One process of a network has a node's name: two would share readers, cursors and last rounds. Whoever runs answers for
// its name on the bus, and whoever opens asks first. Nothing of it is stored, so a node that lost its folder comes back
// with a new one. Two that open in the same moment, or on two sides of a broken connection, find each other out when
// they ask again: both say so and are not ready until one of them stops.

// A presence is what a process says for its name.
type presence struct {
	Node    string    `json:"node"`
	Process string    `json:"process"` // drawn anew each time it opens; a copy of a data folder has all the rest
	Writer  string    `json:"writer"`  // of its chains: another one is another data folder
	Since   time.Time `json:"since"`   // when it opened
}

const (
	presenceWithin = 2 * time.Second  // bounds the wait for an answer; without a subscriber the server answers at once
	presenceEvery  = 15 * time.Second // how often a process that runs asks
)

// alone reports whether no other process can reach the server.
func (j *Journal) alone() bool { return j.local != nil && j.cfg.Listen == "" }

// beThere takes the node's name, or returns who has it.
func (j *Journal) beThere(ctx context.Context) error {
	if j.alone() {
		return nil
	}
	j.here = presence{Node: j.cfg.Node, Process: nuid.Next(), Writer: j.writer, Since: j.cfg.Now().UTC()}
	if other := j.whoIsThere(ctx); other != nil {
		return errors.New(j.taken(*other) + ": " + j.wayOut(*other))
	}
	for _, subject := range j.presences() {
		_, err := j.nc.Subscribe(subject, func(m *nats.Msg) {
			if _, another := j.anotherOf(m); another {
				answer, _ := json.Marshal(j.here)
				_ = m.Respond(answer) // who does not hear it asks again
			}
		})
		if err != nil {
			return fmt.Errorf("take the name %s: %w", j.cfg.Node, err)
		}
	}
	return nil
}

// presences are where this process answers: for its name, and for its chain.
func (j *Journal) presences() []string {
	return []string{j.net.presence(j.cfg.Node), j.net.chain(j.writer)}
}

func (j *Journal) wayOut(other presence) string {
	if other.Writer == j.writer {
		return "stop it, or give this one a data folder of its own, into which only keys/ is copied, and another node.name"
	}
	return "stop it, or give one of them another node.name"
}

// anotherOf returns who sent a message, and whether that is another process.
func (j *Journal) anotherOf(m *nats.Msg) (other presence, another bool) {
	if json.Unmarshal(m.Data, &other) != nil || other.Writer == "" {
		return other, false // no process of ours
	}
	return other, other.Process != j.here.Process
}

// whoIsThere returns the process that answers for this node's name or chain, nil if none does.
func (j *Journal) whoIsThere(ctx context.Context) *presence {
	ctx, cancel := context.WithTimeout(ctx, presenceWithin)
	defer cancel()
	question, _ := json.Marshal(j.here)
	for _, subject := range j.presences() {
		m, err := j.nc.RequestWithContext(ctx, subject, question)
		if err != nil {
			continue // nobody; or no connection, and then it is asked again
		}
		if other, another := j.anotherOf(m); another {
			return &other
		}
	}
	return nil
}

func (j *Journal) taken(other presence) string {
	copied := ""
	if other.Writer == j.writer {
		copied = ", from a copy of this data folder"
	}
	return fmt.Sprintf("another process of this network on this server is the node %s (writer %s, since %s%s)",
		cmp.Or(other.Node, j.cfg.Node), other.Writer, other.Since.Format(time.RFC3339), copied)
}

// watchName asks again and again whether another process has the node's name, and tells when that changes.
func (j *Journal) watchName() {
	for backoff.Wait(j.ctx, presenceEvery) {
		other, rival := j.whoIsThere(j.ctx), ""
		if other != nil {
			rival = j.taken(*other) + ": stop one of them"
		}
		j.mu.Lock()
		before := j.rival
		j.rival = rival
		j.mu.Unlock()
		switch {
		case rival != "" && before == "":
			j.cfg.Log.Error("journal: two processes have one name", "error", rival)
		case rival == "" && before != "":
			j.cfg.Log.Info("journal: the node's name is this process's alone again", "node", j.cfg.Node)
		}
	}
}
