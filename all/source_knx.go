//go:build !no.source.knx

package all

import "github.com/dodona-oracle/dodona/source/knx"

func init() { kinds = append(kinds, knx.Kind) }
