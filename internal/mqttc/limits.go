package mqttc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// limits are what a broker takes less of than the protocol has.
type limits struct {
	noRetain  bool
	maxQoS    byte
	maxPacket int // bytes; 0: it does not say
}

var unlimited = limits{maxQoS: 2}

// and returns what is left under both.
func (l limits) and(m limits) limits {
	l.noRetain, l.maxQoS = l.noRetain || m.noRetain, min(l.maxQoS, m.maxQoS)
	if m.maxPacket > 0 {
		l.maxPacket = m.maxPacket
	}
	return l
}

// fit makes a message one that the broker takes, or says why it is none. What is to be kept goes all the same, and is not.
func (l limits) fit(m Message) (Message, error) {
	m.Retained = m.Retained && !l.noRetain
	if m.QoS > l.maxQoS {
		if !m.AtMost {
			return m, &Refused{What: fmt.Sprintf("a message of QoS %d", m.QoS), Code: 0x9B, version: Five} // in its words, whatever the broker speaks
		}
		m.QoS = l.maxQoS
	}
	return m, nil
}

// will returns a will that the broker takes; nil if there is none.
func (l limits) will(w *Message) *Message {
	if w == nil {
		return nil
	}
	m := *w
	m.AtMost = true
	m, _ = l.fit(m) // at most is never refused
	return &m
}

// Lacks says what the broker does not do that a message asked for, or may ask for; empty: nothing.
func (c *Conn) Lacks() string {
	var list []string
	if c.limits.noRetain {
		list = append(list, "keeps no messages (retain)")
	}
	if c.limits.maxQoS < 2 {
		list = append(list, fmt.Sprintf("takes no QoS above %d", c.limits.maxQoS))
	}
	return strings.Join(list, " and ")
}

// Retains reports whether the broker keeps messages that it is asked to keep.
func (c *Conn) Retains() bool { return !c.limits.noRetain }

// MaxQoS is the largest QoS that the broker takes.
func (c *Conn) MaxQoS() byte { return c.limits.maxQoS }

// MaxPacket returns how many bytes a packet may have; 0: the broker does not say.
func (c *Conn) MaxPacket() int { return c.limits.maxPacket }

// A TooLarge is a message that is larger than its broker takes: it was not sent, and none like it ever will be.
type TooLarge struct {
	Topic      string
	Size, Most int // bytes of the packet
}

// Error says both sizes.
func (e *TooLarge) Error() string {
	return fmt.Sprintf("a message to %s has %d bytes, and the broker takes packets of %d at most", plain.Quote(e.Topic, 200), e.Size, e.Most)
}

// wordless: the broker closed the connection and did not say why.
type wordless struct{ client string }

func (e wordless) Error() string {
	// Fault (exchange): a broker closes the connection.
	return fmt.Sprintf("the broker closed the connection without a word, as some do when another one comes with the same client id (%s)", plain.Quote(e.client, maxText))
}

const (
	learnedFor = time.Hour        // how long it is believed what a broker says that it lacks: it may be a newer one then
	guessedFor = 10 * time.Minute // the same, of one that says nothing
	mostSilent = 2                // refusals without a word after which it is tried what a broker may lack
)

// known returns what the dialer knows of the broker from before.
func (d *Dialer) known() limits {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.until.IsZero() || !time.Now().Before(d.until) {
		return unlimited
	}
	return d.lacks
}

func (d *Dialer) learn(l limits, last time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lacks, d.until = l, time.Now().Add(last)
}

// silent counts refusals of 3.1.1 without a word, in a row.
func (d *Dialer) silent(is bool) (times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wordless++; !is {
		d.wordless = 0
	}
	return d.wordless
}

// less returns what a broker lacks that refuses a will for it, in words; false: that is not why.
func less(l limits, will *Message, err error) (limits, bool) {
	var refused *Refused
	if will == nil || !errors.As(err, &refused) || refused.version != Five {
		return l, false
	}
	switch {
	case refused.Code == 0x9A && will.Retained && !l.noRetain:
		l.noRetain = true
	case refused.Code == 0x9B && will.QoS > 0 && l.maxQoS > 0:
		l.maxQoS = 0
	default:
		return l, false
	}
	return l, true
}

// guesses are what a broker may lack that refuses a will without a word, what costs least first.
func guesses(will *Message) (list []limits) {
	if will == nil {
		return nil
	}
	if will.Retained {
		list = append(list, limits{noRetain: true, maxQoS: 2})
	}
	if will.QoS > 0 {
		list = append(list, limits{})
		if will.Retained {
			list = append(list, limits{noRetain: true})
		}
	}
	return list
}
