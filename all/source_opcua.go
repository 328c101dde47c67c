//go:build !no.source.opcua

package all

import "github.com/dodona-oracle/dodona/source/opcua"

func init() { kinds = append(kinds, opcua.Kind) }
