package snmp

import (
	"context"
	"strings"

	"github.com/dodona-oracle/dodona/source"
)

// usualRoot is where scans look that are not told where: mib-2, which every device has.
const usualRoot = "1.3.6.1.2.1"

// scan tells the variables that a device has below an OID.
func scan(ctx context.Context, s Settings, within source.Range, _ source.Env, found func(source.Found) error) (more bool, err error) {
	root := within.Of
	if root == "" {
		root = usualRoot
	}
	list, more, err := Scan(ctx, s, root, within.Most)
	for _, v := range list {
		name, known := knownName(v.OID)
		if !known {
			name = "oid-" + v.OID
		}
		if err := found(source.Found{Name: name, Point: Variable{OID: v.OID}, Note: strings.TrimSpace(v.Type + " " + v.Value)}); err != nil {
			return false, err
		}
	}
	return more, err
}
