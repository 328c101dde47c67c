package sink

import (
	"encoding/json"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// NetworkOf returns the id of the network that signed what is in a record, an answer or an anchor; zero if it does not say.
func NetworkOf(rec dodona.Record) dodona.Digest {
	var signed struct {
		Network *dodona.Network `json:"network"`
	}
	if json.Unmarshal(rec.Body, &signed) != nil || signed.Network == nil {
		return dodona.Digest{}
	}
	return signed.Network.ID()
}

// foreign reports whether a record is of another network than the node's, and counts it: nobody who was told of the one network believes what another
// one signed. A folder of an earlier version, or another program on the server, may have brought it.
func (l *Loop) foreign(rec dodona.Record) bool {
	network := NetworkOf(rec)
	if l.c.Env.Network.IsZero() || network.IsZero() || network == l.c.Env.Network {
		return false
	}
	l.c.Recorder.Count(telemetry.SinkForeign.Of(l.c.Name), 1)
	what := fmt.Sprintf("%s %s is of network %s, and this node signs for %s: it is not delivered", rec.Key, rec.ID, network, l.c.Env.Network)
	now, first := l.c.Now(), false
	l.set(func(s *Status) {
		if first = s.Foreign == 0; first {
			s.LastError, s.ErrorTime = what, now
		}
		s.Foreign++
	})
	if first {
		l.c.Log.Warn("a record of another network is not delivered, nor are those to come", "feed", rec.Key, "record", rec.ID, "network", network)
	}
	return true
}
