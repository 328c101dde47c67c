//go:build !no.source.s7

package all

import "github.com/dodona-oracle/dodona/source/s7"

func init() { kinds = append(kinds, s7.Kind) }
