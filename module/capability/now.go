package capability

import (
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

var now = abi.Set{
	Module: manifest.ABI, Needs: "now_ms", Granted: func(c manifest.Capabilities) bool { return c.NowMS },
	Functions: []abi.Function{{Name: "now_ms", Signature: ":I", Call: abi.Without(nowMs)}},
}

func nowMs(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	s[0] = uint64(g.Round())
}
