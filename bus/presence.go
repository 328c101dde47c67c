package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// One process of a network has a node's name: two would share readers, cursors and last rounds. Whoever runs answers for
// its name on the bus, and whoever opens asks first. Nothing of it is stored, so a node that lost its folder comes back
// with a new one. Two that open in the same moment, or on two sides of a broken connection, find each other out when
// they ask again: both say so and are not ready until one of them stops.

// A Presence is what a process says for its name.
type Presence struct {
	Node    string    `json:"node"`
	Process string    `json:"process"` // drawn anew each time it opens; a copy of a data folder has all the rest
	Writer  string    `json:"writer"`  // of its chains: another one is another data folder
	Since   time.Time `json:"since"`   // when it opened
}

const (
	presenceWithin = 2 * time.Second  // bounds the wait for an answer; without a subscriber the server answers at once
	presenceEvery  = 15 * time.Second // how often a process that runs asks
)

// A Name is a node's name that this process has taken.
type Name struct {
	conn     *nats.Conn
	log      *slog.Logger
	subjects []string // where this process answers
	here     Presence

	mu    sync.Mutex
	rival string
}

// Take takes a node's name for this process, which keeps the chains of a writer, or returns who has it. It is asked for, and
// answered, on the subject of the name and on that of the writer, for a copy of a data folder may have another name.
func (b *Bus) Take(ctx context.Context, net Scope, node, writer string) (*Name, error) {
	n := &Name{
		conn: b.conn, log: b.c.Log, subjects: []string{net.presence(node), net.chain(writer)},
		here: Presence{Node: node, Process: nuid.Next(), Writer: writer, Since: b.c.Now().UTC()},
	}
	if other := n.whoIsThere(ctx); other != nil {
		return nil, errors.New(n.taken(*other) + ": " + n.wayOut(*other))
	}
	for _, subject := range n.subjects {
		_, err := n.conn.Subscribe(subject, func(m *nats.Msg) {
			if _, another := n.anotherOf(m); another {
				answer, _ := json.Marshal(n.here)
				_ = m.Respond(answer) // who does not hear it asks again
			}
		})
		if err != nil {
			return nil, fmt.Errorf("take the name %s: %w", node, err)
		}
	}
	return n, nil
}

func (n *Name) wayOut(other Presence) string {
	if other.Writer == n.here.Writer {
		return "stop it, or give this one a data folder of its own, into which only keys/ is copied, and another node.name"
	}
	return "stop it, or give one of them another node.name"
}

// anotherOf returns who sent a message, and whether that is another process.
func (n *Name) anotherOf(m *nats.Msg) (other Presence, another bool) {
	if json.Unmarshal(m.Data, &other) != nil || other.Writer == "" {
		return other, false // no process of ours
	}
	return other, other.Process != n.here.Process
}

// whoIsThere returns the process that answers for this node's name or chain, nil if none does.
func (n *Name) whoIsThere(ctx context.Context) *Presence {
	ctx, cancel := context.WithTimeout(ctx, presenceWithin)
	defer cancel()
	question, _ := json.Marshal(n.here)
	for _, subject := range n.subjects {
		m, err := n.conn.RequestWithContext(ctx, subject, question)
		if err != nil {
			continue // nobody; or no connection, and then it is asked again
		}
		if other, another := n.anotherOf(m); another {
			return &other
		}
	}
	return nil
}

func (n *Name) taken(other Presence) string {
	copied := ""
	if other.Writer == n.here.Writer {
		copied = ", from a copy of this data folder"
	}
	return fmt.Sprintf("another process of this network on this server is the node %s (writer %s, since %s%s)",
		cmp.Or(other.Node, n.here.Node), other.Writer, other.Since.Format(time.RFC3339), copied)
}

// Watch asks again and again, until ctx ends, whether another process has the name, and tells when that changes.
func (n *Name) Watch(ctx context.Context) {
	for backoff.Wait(ctx, presenceEvery) {
		other, rival := n.whoIsThere(ctx), ""
		if other != nil {
			rival = n.taken(*other) + ": stop one of them"
		}
		n.mu.Lock()
		before := n.rival
		n.rival = rival
		n.mu.Unlock()
		switch {
		case rival != "" && before == "":
			n.log.Error("journal: two processes have one name", "error", rival)
		case rival == "" && before != "":
			n.log.Info("journal: the node's name is this process's alone again", "node", n.here.Node)
		}
	}
}

// Rival says which other process has the name; empty if none has. A name that nobody else could take has none, nil neither.
func (n *Name) Rival() string {
	if n == nil {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rival
}
