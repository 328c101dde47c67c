package journal

import (
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
)

// A scope is the network that a name on the bus belongs to: streams RAW-<scope> and PROOF-<scope>, subjects
// oracle.<scope>.<topic>.<key>[.<node>], the bucket modules-<scope>. What belongs to one node, its durable readers,
// names the node as well.
type scope struct{ bus.Scope }

func scopeOf(network dodona.Digest) scope { return scope{bus.ScopeOf(network)} }

// What the metadata of a stream, a bucket or a reader says about whose it is.
const (
	layoutKey    = "dodona-layout"    // how names are made; see layout
	networkKey   = "dodona-network"   // the whole id
	madeKey      = "dodona-made"      // when it was made, by the clock of the node that made it
	lostKey      = "dodona-lost"      // until when something may have been lost of it, or of one before
	missingKey   = "dodona-missing"   // how many records were missing in its middle then
	droppedKey   = "dodona-dropped"   // how many records its server had dropped then
	freedKey     = "dodona-freed"     // the place before which retention gave records up
	unsettledKey = "dodona-unsettled" // how many processes noted that time by a clock that may not have been set yet
	limitsKey    = "dodona-limits-"   // and a node: the limits that it was given, and when it said so last
	ownerKey     = "dodona-owner"     // of a stream that an embedded server keeps: the writer who alone frees records
)

// layout is the way names are made that this file owns. The first one had no networks in them.
const layout = "2"

func (s scope) stream(name string) string       { return name + "-" + string(s.Scope) }
func (s scope) topic(topic dodona.Topic) string { return s.Root() + string(topic) + ".>" }

// subject is that of a topic, key and node, or of a topic and key where the topic is shared.
func (s scope) subject(topic dodona.Topic, key, node string) string {
	if shared(topic) {
		return s.Root() + string(topic) + "." + key
	}
	return s.Root() + string(topic) + "." + key + "." + node
}

// reader is the durable name of a reader of a node. Names have no underscore, so two of them never make one.
func reader(node, name string) string { return node + "_" + name }

// readerOf takes a durable name apart. The node is empty if there is none in it.
func readerOf(durable string) (node, name string) {
	if node, name, found := strings.Cut(durable, "_"); found {
		return node, name
	}
	return "", durable
}

// called is how people are told of a reader: by its name, and its node if that is another one.
func (j *Journal) called(durable string) string {
	switch node, name := readerOf(durable); node {
	case j.cfg.Node, "":
		return name
	default:
		return name + " of node " + node
	}
}

// shared reports whether records of a topic have one subject for all nodes of a network. Such subjects are guarded:
// a record is written only if nobody else wrote since this process looked.
func shared(topic dodona.Topic) bool {
	return topic == dodona.TopicClaim || topic == dodona.TopicData || topic == dodona.TopicAnchor
}

func (l *lane) subjectOf(r dodona.Record) string { return l.j.net.subject(r.Topic, r.Key, r.Node) }

// parseSubject takes a subject of any network apart. The node is empty for shared topics.
func parseSubject(subject string) (topic dodona.Topic, key, node string, err error) {
	rest, ours := strings.CutPrefix(subject, bus.Root)
	_, rest, scoped := strings.Cut(rest, ".")
	name, rest, found := strings.Cut(rest, ".")
	topic = dodona.Topic(name)
	if _, known := streamOf(topic); !ours || !scoped || !found || !known {
		return "", "", "", fmt.Errorf("subject %q: no topic of the journal", subject)
	}
	if shared(topic) {
		return topic, rest, "", nil
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot <= 0 || dot == len(rest)-1 {
		return "", "", "", fmt.Errorf("subject %q: want a key and a node", subject)
	}
	return topic, rest[:dot], rest[dot+1:], nil
}
