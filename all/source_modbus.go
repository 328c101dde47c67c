//go:build !no.source.modbus

package all

import "github.com/dodona-oracle/dodona/source/modbus"

func init() { kinds = append(kinds, modbus.Kind) }
