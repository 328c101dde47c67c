package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/source"
)

const (
	namespace = "spBv1.0"
	maxNodes  = 1000 // edge nodes, and devices of one
	silence   = 20 * time.Second
	leastWait = 10 * time.Second // between two requests to one edge node for its births
	mostWait  = 10 * time.Minute
	hostLimit = 2 * time.Second // for what a host publishes
)

// A host is what a host application of Sparkplug knows of edge nodes.
type host struct {
	settings Settings
	env      source.Env
	wanted   map[string]bool // items; nil: all
	nodes    map[string]*node
	items    int    // metrics that are born, of all
	since    uint64 // of STATE, in milliseconds
	look     chan struct{}
	timer    *time.Timer
}

// A node is an edge node.
type node struct {
	group, edge string
	born        bool // a birth is known, and no death since
	bdSeq       uint64
	hasBdSeq    bool
	next        uint64 // the seq that is to come
	own         *entity
	devices     map[string]*entity

	asked time.Time     // for its births
	wait  time.Duration // until it may be asked again
	doubt time.Time     // without a word until then it is taken for gone; zero: it spoke
	why   string        // that is
}

// An entity is an edge node or a device with its metrics.
type entity struct {
	born    bool
	metrics map[string]*metric
	aliases map[uint64]*metric
}

// A metric is what a birth says of one, and whether what is journaled of it last is bad.
type metric struct {
	name string
	of   sparkplug.Type
	bad  bool
}

func newHost(s Settings, env source.Env) *host {
	h := &host{settings: s, env: env, nodes: map[string]*node{}, look: make(chan struct{}, 1)}
	if len(s.Metrics) > 0 {
		h.wanted = map[string]bool{}
		for _, m := range s.Metrics {
			h.wanted[itemOf(m.Group, m.Edge, m.Device, m.Metric)] = true
		}
	}
	return h
}

// itemOf returns the item of a metric. Groups, edge nodes and devices have no slash, so nothing else has the same.
func itemOf(group, edge, device, name string) string {
	if device == "" {
		return group + "/" + edge + "//" + name
	}
	return group + "/" + edge + "/" + device + "//" + name
}

// filters returns what a host subscribes to: of the edge nodes of the metrics if they are few, or of groups, or of everybody.
func (s *Settings) sparkplugFilters() (all []string) {
	groups, edges := map[string]bool{}, map[string]bool{}
	for _, g := range s.Sparkplug.Groups {
		groups[namespace+"/"+g+"/#"] = true
	}
	if len(s.Sparkplug.Groups) == 0 {
		for _, m := range s.Metrics {
			groups[namespace+"/"+m.Group+"/#"] = true
			edges[namespace+"/"+m.Group+"/+/"+m.Edge+"/#"] = true
		}
	}
	switch {
	case len(edges) > 0 && len(edges) <= 100:
		all = slices.Sorted(maps.Keys(edges))
	case len(groups) > 0:
		all = slices.Sorted(maps.Keys(groups))
	default:
		all = []string{namespace + "/+/+/+", namespace + "/+/+/+/+"} // a # alone would have STATE too; there are brokers for whom +/# is not what ends at +
	}
	if s.Sparkplug.Host != "" {
		all = append(all, s.Sparkplug.stateTopic())
	}
	return all
}

func (s *Sparkplug) stateTopic() string { return namespace + "/STATE/" + s.Host }

// state is what a host publishes of itself.
type state struct {
	Online    bool   `json:"online"`
	Timestamp uint64 `json:"timestamp"`
}

func (h *host) state(online bool) *mqttc.Message {
	body, err := json.Marshal(state{online, h.since})
	if err != nil { // never
		return nil
	}
	return &mqttc.Message{Topic: h.settings.Sparkplug.stateTopic(), Payload: body, QoS: 1, AtMost: true, Retained: true}
}

// will returns what the broker publishes of a host that is lost. It has the same timestamp as the birth that follows.
func (h *host) will() *mqttc.Message {
	if h.settings.Sparkplug.Host == "" || h.env.Trial {
		return nil
	}
	h.since = uint64(h.env.Now().UnixMilli())
	return h.state(false)
}

// arrive says that the host is there, and asks those that were known for their births: what happened meanwhile nobody knows.
func (h *host) arrive(ctx context.Context, conn *mqttc.Conn) error {
	if err := h.tell(ctx, conn, true); err != nil {
		return err
	}
	now := h.env.Now()
	for _, m := range h.settings.Metrics {
		if _, err := h.node(m.Group, m.Edge); err != nil {
			return dodona.Permanent(err)
		}
	}
	for _, n := range h.nodes {
		n.asked, n.wait = time.Time{}, 0
		h.doubt(n, conn, "since the connection was made", now)
	}
	return nil
}

// doubt asks an edge node for its births, and takes it for gone if it says nothing.
func (h *host) doubt(n *node, conn *mqttc.Conn, why string, now time.Time) {
	n.doubt, n.why = now.Add(silence), why
	h.ask(n, conn, now)
	h.remind()
}

// tell publishes STATE, where there is a host.
func (h *host) tell(ctx context.Context, conn *mqttc.Conn, online bool) error {
	if h.settings.Sparkplug.Host == "" || h.env.Trial {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hostLimit)
	defer cancel()
	if err := conn.Publish(ctx, *h.state(online)); err != nil {
		return fmt.Errorf("publish STATE: %w", err)
	}
	return nil
}

// leave says that the host goes.
func (h *host) leave(conn *mqttc.Conn) {
	_ = h.tell(context.Background(), conn, false) // else the will says so
	h.lost()
}

// lost stops the clock of who was asked.
func (h *host) lost() {
	if h.timer != nil {
		h.timer.Stop()
	}
}

// remind has Observe look again once the next edge node is taken for gone.
func (h *host) remind() {
	next := time.Time{}
	for _, n := range h.nodes {
		if !n.doubt.IsZero() && (next.IsZero() || n.doubt.Before(next)) {
			next = n.doubt
		}
	}
	h.lost()
	if next.IsZero() {
		return
	}
	look := h.look
	h.timer = time.AfterFunc(max(next.Sub(h.env.Now()), 0)+time.Millisecond, func() {
		select {
		case look <- struct{}{}:
		default:
		}
	})
}

// doubts tells when there is something to look at though nothing came. It is nil without Sparkplug.
func (h *host) doubts() <-chan struct{} {
	if h == nil {
		return nil
	}
	return h.look
}

// due returns what became of edge nodes that did not say a word since the connection was made.
func (h *host) due(now time.Time, conn *mqttc.Conn) (readings []dodona.Reading) {
	some := false
	for _, key := range slices.Sorted(maps.Keys(h.nodes)) {
		n := h.nodes[key]
		if n.doubt.IsZero() || now.Before(n.doubt) {
			continue
		}
		n.doubt, some = time.Time{}, true
		why := fmt.Sprintf("offline: no word from edge node %s %s", key, n.why)
		readings = append(readings, h.gone(n, conn, nil, why, now)...)
	}
	if some {
		h.remind()
	}
	return readings
}

// node returns an edge node, which is new if it is not known.
func (h *host) node(group, edge string) (*node, error) {
	key := group + "/" + edge
	if n := h.nodes[key]; n != nil {
		return n, nil
	}
	if len(h.nodes) >= maxNodes {
		return nil, fmt.Errorf("there are more than %d edge nodes: name groups or metrics, or make several sources", maxNodes)
	}
	n := &node{group: group, edge: edge, own: newEntity(), devices: map[string]*entity{}}
	h.nodes[key] = n
	return n, nil
}

func newEntity() *entity {
	return &entity{metrics: map[string]*metric{}, aliases: map[uint64]*metric{}}
}

// ask asks an edge node for its births: a command, the one thing that a source of this program writes to a device, and it changes nothing
// there but what is sent.
func (h *host) ask(n *node, conn *mqttc.Conn, now time.Time) {
	if !h.settings.Sparkplug.Rebirth || !n.asked.IsZero() && now.Sub(n.asked) < n.wait {
		return
	}
	n.asked, n.wait = now, min(max(2*n.wait, leastWait), mostWait)
	at := uint64(now.UnixMilli())
	p := sparkplug.Payload{Timestamp: at, Metrics: []sparkplug.Metric{{
		Name: sparkplug.Rebirth, Timestamp: at, Type: sparkplug.Boolean, Value: sparkplug.FlagOf(true),
	}}}
	ctx, cancel := context.WithTimeout(context.Background(), hostLimit)
	defer cancel()
	topic := namespace + "/" + n.group + "/NCMD/" + n.edge
	if err := conn.Publish(ctx, mqttc.Message{Topic: topic, Payload: p.Append(nil)}); err != nil {
		h.env.Log.Warn(fmt.Sprintf("%s: ask %s/%s for its births: %v", h.env.Source, n.group, n.edge, err), "source", h.env.Source)
	}
}

// A sent is a message of an edge node.
type sent struct {
	verb   string // NBIRTH and its kin
	node   *node
	device string
	body   []byte
	sparkplug.Payload
}

// ofData says whether a verb has metrics of a device, and which verbs are of nobody's concern here.
var verbs = map[string]struct{ device, other bool }{
	"NBIRTH": {}, "NDATA": {}, "NDEATH": {}, "DBIRTH": {device: true}, "DDATA": {device: true}, "DDEATH": {device: true},
	"NCMD": {other: true}, "DCMD": {other: true},
}

// readings returns the metrics of a message, each a reading of its own.
func (h *host) readings(conn *mqttc.Conn, m mqttc.Message, now time.Time) []dodona.Reading {
	parts := strings.Split(m.Topic, "/")
	if len(parts) == 3 && parts[1] == "STATE" {
		h.heard(conn, m)
		return nil
	}
	s, err := h.read(parts, m)
	if err != nil {
		h.env.Dropped(1, fmt.Sprintf("%.200s: %v", m.Topic, err))
		return nil
	}
	if s == nil {
		return nil
	}
	readings := h.step(conn, s, now)
	if !s.node.doubt.IsZero() && !strings.HasSuffix(s.verb, "DEATH") { // which the broker says
		s.node.doubt = time.Time{}
		h.remind()
	}
	return readings
}

// read reads a message; nil if it is none of an edge node's.
func (h *host) read(parts []string, m mqttc.Message) (*sent, error) {
	if len(parts) < 4 || len(parts) > 5 {
		// Fault (dropped): what comes below spBv1.0 is no Sparkplug.
		return nil, errors.New("is no topic of Sparkplug")
	}
	verb, known := verbs[parts[2]]
	switch {
	case !known, verb.device != (len(parts) == 5) && !verb.other:
		return nil, errors.New("is no topic of Sparkplug")
	case verb.other:
		return nil, nil
	case m.Retained:
		// Fault (dropped): a message of Sparkplug is retained.
		return nil, errors.New("is retained, which no message of an edge node may be")
	}
	p, err := sparkplug.Decode(m.Payload)
	if err != nil {
		return nil, err
	}
	n, err := h.node(parts[1], parts[3])
	if err != nil {
		return nil, err
	}
	s := &sent{verb: parts[2], node: n, body: m.Payload, Payload: p}
	if verb.device {
		s.device = parts[4]
	}
	return s, nil
}

// heard answers whoever says that this host is not there: another one had its id, or its own will came late.
func (h *host) heard(conn *mqttc.Conn, m mqttc.Message) {
	var said state
	if json.Unmarshal(m.Payload, &said) == nil && !said.Online && m.Topic == h.settings.Sparkplug.stateTopic() {
		if err := h.tell(context.Background(), conn, true); err != nil {
			h.env.Log.Warn(h.env.Source+": "+err.Error(), "source", h.env.Source)
		}
	}
}
