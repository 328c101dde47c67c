//go:build !no.source.sim

package all

import "github.com/dodona-oracle/dodona/source/sim"

func init() { kinds = append(kinds, sim.Kind) }
