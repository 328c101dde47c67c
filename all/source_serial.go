//go:build !no.source.serial

package all

import "github.com/dodona-oracle/dodona/source/serial"

func init() { kinds = append(kinds, serial.Kind) }
