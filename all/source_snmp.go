//go:build !no.source.snmp

package all

import "github.com/dodona-oracle/dodona/source/snmp"

func init() { kinds = append(kinds, snmp.Kind) }
