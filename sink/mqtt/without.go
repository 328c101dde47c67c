package mqtt

import (
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/sink"
)

// doWithout says once what a broker lacks, and what the sink does without it.
func (p *publisher) doWithout(conn *mqttc.Conn) {
	note := p.lacks(conn)
	p.mu.Lock()
	said := p.note == note
	p.note = note
	p.mu.Unlock()
	if !said && note != "" {
		p.env.Log.Warn(note, "broker", conn.Broker())
	}
}

func (p *publisher) lacks(conn *mqttc.Conn) string {
	says := p.status != "" || p.spark != nil
	var does string
	switch keeps := conn.Retains(); {
	case conn.Lacks() == "":
		return ""
	case !keeps && p.s.Retain:
		does = "retain does nothing, and who comes later does not hear whether this sink is there"
	case !keeps && p.status != "":
		does = "who comes later does not hear whether this sink is there"
	case conn.MaxQoS() == 0 && says:
		does = "whether this sink is there is said with QoS 0"
	default:
		return "" // nobody misses it
	}
	return "the broker " + conn.Lacks() + ": " + does
}

// Report says in the status of the sink what its broker lacks.
func (p *publisher) Report(s *sink.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Note = p.note
}
