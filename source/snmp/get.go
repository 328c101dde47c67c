package snmp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// answers are what a device said of variables, by OID; err is why there is nothing.
type answers map[string]struct {
	varbind varbind
	err     error
}

func (a answers) set(oid string, v varbind, err error) {
	a[oid] = struct {
		varbind varbind
		err     error
	}{v, err}
}

// silences are how many requests of one exchange may go unanswered before the rest is not asked for.
const silences = 2

// all asks for variables in few requests. One that a device cannot answer costs itself alone; a device that answers nothing is an error.
func (p *poller) all(ctx context.Context, oids []string, into answers) error {
	queue := p.chunks(oids)
	silent, answered := 0, len(into) > 0
	var undecoded error
	for len(queue) > 0 {
		chunk := queue[0]
		queue = queue[1:]
		if silent >= silences || ctx.Err() != nil {
			into.fail(chunk, errors.New("it was not asked: the device stopped answering"))
			continue
		}
		packet, err := p.session.get(ctx, chunk)
		if broken, is := errors.AsType[unreadable](err); is {
			silent = 0
			if undecoded == nil {
				undecoded = err
			}
			if len(chunk) > 1 {
				queue = append([][]string{chunk[:len(chunk)/2], chunk[len(chunk)/2:]}, queue...)
				continue
			}
			p.odd[chunk[0]] = true
			// Fault (point): a device says something of a variable that is no value.
			into.fail(chunk, fmt.Errorf("what the device says of it cannot be decoded: %s", broken.why))
			continue
		}
		switch {
		case err != nil && !answered:
			return err
		case err != nil:
			silent++
			into.fail(chunk, p.session.explain(ctx, p.settings, err))
			continue
		}
		silent, answered = 0, true
		p.requests++
		if len(chunk) == 1 {
			delete(p.odd, chunk[0])
		}
		queue = append(p.take(chunk, packet, into), queue...)
	}
	if !answered {
		return undecoded // nil if nothing was asked
	}
	return nil
}

// fail says of variables that were not read why.
func (a answers) fail(oids []string, err error) {
	for _, oid := range oids {
		a.set(oid, varbind{}, err)
	}
}

// chunks parts variables into requests of no more than the device takes. One whose value could not be decoded is asked for alone, after the
// others, that it may cost no other one its value.
func (p *poller) chunks(oids []string) (all [][]string) {
	var alone [][]string
	oids = slices.DeleteFunc(slices.Clone(oids), func(oid string) bool {
		if p.odd[oid] {
			alone = append(alone, []string{oid})
		}
		return p.odd[oid]
	})
	for len(oids) > 0 {
		n := min(p.chunk, len(oids))
		all, oids = append(all, oids[:n]), oids[n:]
	}
	return append(all, alone...)
}

// take takes an answer, and returns what to ask instead where the device refuses the request as a whole.
func (p *poller) take(chunk []string, packet *gosnmp.SnmpPacket, into answers) (again [][]string) {
	switch {
	case packet.Error == gosnmp.NoError:
		takeValues(chunk, packet.Variables, into)
		return nil
	case packet.Error == gosnmp.TooBig && len(chunk) > 1:
		p.chunk = max(1, min(p.chunk, len(chunk)/2)) // it will not grow
		return p.chunks(chunk)
	case len(chunk) == 1:
		into.fail(chunk, refusal(packet.Error))
		return nil
	}
	at := int(packet.ErrorIndex) - 1
	if at < 0 || at >= len(chunk) {
		half := len(chunk) / 2
		return [][]string{chunk[:half], chunk[half:]}
	}
	into.fail(chunk[at:at+1], refusal(packet.Error))
	rest := append(append([]string{}, chunk[:at]...), chunk[at+1:]...)
	return [][]string{rest}
}

func refusal(e gosnmp.SNMPError) error {
	if e == gosnmp.NoSuchName {
		return errors.New("the device has no such variable (noSuchName): check the OID")
	}
	return fmt.Errorf("the device answers %s", errorName(e))
}

// takeValues takes the values of an answer by their names, and nothing that was not asked for: an answer may be in any order, or of something else.
func takeValues(chunk []string, pdus []gosnmp.SnmpPDU, into answers) {
	said := answers{}
	for _, pdu := range pdus {
		v, err := varbindOf(pdu)
		if err == nil && len(v.value) > maxValue {
			// Fault (point): a value is larger than is read.
			err = fmt.Errorf("its value has %s, at most %d are read", unit.Count(len(v.value), "byte"), maxValue)
		}
		said.set(v.name, v, err)
	}
	for _, oid := range chunk {
		answer, found := said[oid]
		if !found {
			// Fault (point): an answer has not what was asked for.
			answer.err = errors.New("the device's answer leaves it out")
		}
		into.set(oid, answer.varbind, answer.err)
	}
}
