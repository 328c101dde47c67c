//go:build !no.sink.evm

package all

import "github.com/dodona-oracle/dodona/sink/evm"

func init() { sinks = append(sinks, evm.Kind) }
