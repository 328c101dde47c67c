//go:build !no.source.evm

package all

import "github.com/dodona-oracle/dodona/source/evm"

func init() { kinds = append(kinds, evm.Kind) }
