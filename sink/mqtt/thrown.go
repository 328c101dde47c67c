package mqtt

import (
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

// A broker throws a client out when another one comes with the same client id, and many do when it publishes what it may not. Two that dial at once whenever
// they are thrown out do so many times a second, and neither says why it is slow. A thrown counts connections that were ended from outside soon after
// they were made.
type thrown struct {
	times int       // in a row
	from  time.Time // when the last one may be followed by another
	last  time.Duration
	why   error
}

const (
	settled   = 2 * time.Minute // that a connection lasts which was not thrown out; more than the longest pause
	bearable  = 2               // times in a row that nobody need know of
	longPause = time.Minute
)

// ended notes that a connection ended which had lasted so long.
func (t *thrown) ended(now time.Time, lasted time.Duration, why error) {
	if lasted >= settled {
		*t = thrown{}
		return
	}
	t.times, t.last, t.why = t.times+1, lasted, why
	t.from = now
	if t.times > 1 {
		t.from = now.Add(backoff.Backoff{Min: time.Second, Max: longPause}.Next(t.times-1, nil))
	}
}

// holds returns why the broker is not dialled yet; nil: it is.
func (t *thrown) holds(now time.Time, clientID string) error {
	wait := t.from.Sub(now)
	if t.times == 0 || wait <= 0 || wait > longPause { // or the clock was set back
		return nil
	}
	err := fmt.Errorf("the last %s ended soon, the last one after %s: %w; either another program has the client id %s too (give one of them a client_id of its own), "+
		"or the broker ends a connection for a message that it does not allow (its log and its rights say)",
		unit.Count(uint64(t.times), "connection"), unit.Roughly(t.last), t.why, plain.Quote(clientID, mostTopic))
	if t.times > bearable {
		return sink.Stalled(err)
	}
	return err
}

// lost notes how a connection ended that the sink did not end itself.
func (p *publisher) lost(conn *mqttc.Conn) {
	if err := conn.Err(); err != nil {
		now := p.env.Now()
		p.thrown.ended(now, now.Sub(p.since), err)
	}
}
