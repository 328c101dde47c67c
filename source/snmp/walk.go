package snmp

import (
	"context"
	"errors"
	"fmt"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// MaxWalk is how many variables a walk brings at most.
const MaxWalk = 10_000

// walk yields the variables below a root in their order, as many as most; more says that there are others. A device that goes in circles is an error.
func (s *session) walk(ctx context.Context, root string, rows, most int, each func(varbind) bool) (more bool, err error) {
	at, seen := root, 0
	for {
		packet, err := s.next(ctx, at, rows)
		broken, is := errors.AsType[unreadable](err)
		switch {
		case is && rows > 1: // those before it can be had
			rows = 1
			continue
		case is:
			// Fault (exchange): a walk comes to what is no value, and so cannot tell what it is of.
			return false, unreadable{fmt.Sprintf("walk %s: what follows %s: %s", root, at, broken.why)}
		case err != nil:
			return false, err
		case packet.Error == gosnmp.TooBig && rows > 1:
			rows /= 2
			continue
		case packet.Error == gosnmp.NoSuchName: // the end, in v1
			return false, nil
		case packet.Error != gosnmp.NoError:
			return false, fmt.Errorf("walk %s: the device answers %s", root, errorName(packet.Error))
		case len(packet.Variables) == 0:
			return false, nil
		}
		for _, pdu := range packet.Variables {
			v, err := varbindOf(pdu)
			if _, inside := below(root, v.name); !inside || v.tag == tagEndOfMibView {
				return false, nil
			}
			if !after(v.name, at) {
				// Fault (exchange): a walk comes back to where it was.
				return false, fmt.Errorf("walk %s: after %s the device names %s, which is no further: it goes in circles", root, at, v.name)
			}
			if at = v.name; err != nil {
				continue
			}
			if seen == most {
				return true, nil
			}
			seen++
			if !each(v) {
				return false, nil
			}
		}
	}
}

// Found is a variable that a device has.
type Found struct {
	OID   string
	Type  string // such as "a Counter64"
	Value string // for people
}

// Scan returns what a device has below a root, at most MaxWalk variables; more says that there are others. It reads, and changes nothing.
func Scan(ctx context.Context, s Settings, root string, most int) (found []Found, more bool, err error) {
	if root, err = names(s.Names).resolve(root); err != nil {
		return nil, false, dodona.Permanent(err)
	}
	asked, err := connect(ctx, s)
	if err != nil {
		return nil, false, err
	}
	defer asked.close()
	more, err = asked.walk(ctx, root, s.MaxRepetitions, min(most, MaxWalk), func(v varbind) bool {
		found = append(found, Found{v.name, v.typeName(), v.shown()})
		return true
	})
	if err != nil {
		err = asked.explain(ctx, s, err)
	}
	return found, more, err
}

// shown writes a value for people.
func (v varbind) shown() string {
	switch v.tag {
	case tagOctets:
		return plain.Quote(string(v.value), 80)
	case tagIPAddress:
		return ipText(v.value)
	case tagOID:
		oid, _ := oidOf(v.value)
		return oid
	}
	n, err := v.number()
	if err != nil {
		return ""
	}
	return n.String()
}
