package capability

import (
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// result is the slot in which http_get, read_sensor and state_get leave what the guest then reads.
var result = abi.Set{
	Module: manifest.ABI, Needs: "http_get, read_sensor or state",
	Granted: func(c manifest.Capabilities) bool { return c.HTTPGet != nil || len(c.ReadSensor) > 0 || c.State },
	Functions: []abi.Function{
		{Name: "result_read", Signature: "iii:i", Call: abi.Without(resultRead)},
		{Name: "result_ms", Signature: ":I", Call: abi.Without(resultMs)},
	},
}

// unstage empties the slot.
func unstage(g abi.Guest) { g.Stage(nil, abi.NoTime) }

// stage puts the answer of a call into the slot, if it is no error, and replies its code.
func stage(g abi.Guest, s []uint64, answer abi.Heard) {
	if answer.Code >= 0 {
		g.Stage(answer.Result, answer.MS)
	}
	abi.Reply(s, answer.Code)
}

func resultRead(g abi.Guest, s []uint64) {
	to := g.View(s[0], s[2])
	g.Pay(0, len(to))
	staged, _ := g.Staged()
	abi.ReplyPart(s, to, staged, s[1])
}

func resultMs(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	_, ms := g.Staged()
	s[0] = uint64(ms)
}
