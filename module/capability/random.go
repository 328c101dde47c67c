package capability

import (
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

var random = abi.Set{
	Module: manifest.ABI, Needs: "random", Granted: func(c manifest.Capabilities) bool { return c.Random },
	Functions: []abi.Function{{Name: "random", Signature: "ii:i", Call: abi.Without(draw)}},
}

func draw(g abi.Guest, s []uint64) {
	to := g.View(s[0], s[1])
	g.Pay(0, len(to))
	g.Draw(to)
	abi.Reply(s, int32(len(to)))
}
