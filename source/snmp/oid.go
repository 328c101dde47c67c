package snmp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxArcs is how many numbers an OID may have (RFC 2578).
const maxArcs = 128

// parseOID returns a numeric OID without a leading dot, in the one form: "1.3.6.1.2.1.1.3.0".
func parseOID(text string) (string, error) {
	arcs, err := arcsOf(text)
	if err != nil {
		return "", err
	}
	return joinArcs(arcs), nil
}

// arcsOf returns the numbers of a numeric OID.
func arcsOf(text string) ([]uint32, error) {
	parts := strings.Split(strings.TrimPrefix(text, "."), ".")
	if len(parts) < 2 || len(parts) > maxArcs {
		return nil, fmt.Errorf("%d numbers, want 2 to %d", len(parts), maxArcs)
	}
	arcs := make([]uint32, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || part[0] == '+' {
			return nil, errors.New("want numbers of 32 bits with dots between them, such as 1.3.6.1.2.1.1.3.0")
		}
		arcs[i] = uint32(n)
	}
	if arcs[0] > 2 || arcs[0] < 2 && arcs[1] > 39 {
		return nil, errors.New("an OID begins with 0, 1 or 2, and after 0 and 1 comes 0 to 39")
	}
	return arcs, nil
}

func joinArcs(arcs []uint32) string {
	var b []byte
	for i, arc := range arcs {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(arc), 10)
	}
	return string(b)
}

// below returns what of an OID follows a root: "2" of "1.3.6.2" below "1.3.6". False if it is not below it.
func below(root, oid string) (index string, is bool) {
	rest, found := strings.CutPrefix(oid, root)
	if !found || len(rest) < 2 || rest[0] != '.' {
		return "", false
	}
	return rest[1:], true
}

// after reports whether oid comes after another in the order of a walk. Both are numeric.
func after(oid, other string) bool {
	a, errA := arcsOf(oid)
	b, errB := arcsOf(other)
	if errA != nil || errB != nil {
		return false
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return len(a) > len(b)
}

// A names is the map by which a configuration calls OIDs.
type names map[string]string

// resolve returns the numeric OID of a text: numbers, or a name with numbers behind it, such as ifDescr.2.
func (n names) resolve(text string) (string, error) {
	trimmed := strings.TrimPrefix(text, ".")
	if trimmed == "" {
		return "", errors.New("want an OID, such as 1.3.6.1.2.1.1.3.0")
	}
	if trimmed[0] >= '0' && trimmed[0] <= '9' {
		return parseOID(trimmed)
	}
	name, index, more := strings.Cut(trimmed, ".")
	root, known := n[name]
	if !known {
		root, known = knownOID(name)
	}
	if !known {
		return "", fmt.Errorf("%q is not among names, nor one that is known without; want an OID in numbers, or such as ifDescr.2 or sysUpTime.0", name)
	}
	if more {
		root += "." + index
	}
	return parseOID(root)
}
