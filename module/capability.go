package module

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// The bounds and prices of capabilities for one event.
const (
	maxGets    = 8
	maxSensors = 64
	maxSensor  = 255 // bytes of a source's name

	outsideFuel = 10_000  // of what reaches outside
	verifyFuel  = 200_000 // of one signature
)

// capabilityFunctions are linked only if the capability is granted.
var capabilityFunctions = []function{
	{name: "now_ms", signature: ":I", call: nowMs, needs: "now_ms", granted: func(c manifest.Capabilities) bool { return c.NowMS }},
	{name: "random", signature: "ii:i", call: random, needs: "random", granted: func(c manifest.Capabilities) bool { return c.Random }},
	{
		name: "http_get", signature: "ii:i", call: httpGet, needs: "http_get",
		granted: func(c manifest.Capabilities) bool { return c.HTTPGet != nil },
		missing: func(h *Host, _ string) string { return absent(h.Get == nil, "nothing that fetches over HTTPS") },
	},
	{
		name: "read_sensor", signature: "ii:i", call: readSensor, needs: "read_sensor",
		granted: func(c manifest.Capabilities) bool { return len(c.ReadSensor) > 0 },
		missing: func(h *Host, _ string) string { return absent(h.Reading == nil, "no journaled readings for modules") },
	},
	{name: "result_read", signature: "iii:i", call: resultRead, needs: "http_get, read_sensor or state", granted: stages},
	{name: "result_ms", signature: ":I", call: resultMs, needs: "http_get, read_sensor or state", granted: stages},
	{name: "verify", signature: "iiiiiii:i", call: verify, needs: "verify", granted: func(c manifest.Capabilities) bool { return c.Verify }},
	{
		name: "state_get", signature: "ii:i", call: stateGet, needs: "state", granted: keepsState,
		missing: func(h *Host, _ string) string { return absent(h.State == nil, "no state for modules") },
	},
	{
		name: "state_put", signature: "iiii:i", call: statePut, needs: "state", granted: keepsState,
		missing: func(h *Host, _ string) string { return absent(h.State == nil, "no state for modules") },
	},
}

func stages(c manifest.Capabilities) bool {
	return c.HTTPGet != nil || len(c.ReadSensor) > 0 || c.State
}

func keepsState(c manifest.Capabilities) bool { return c.State }

func absent(is bool, what string) string {
	if is {
		return what
	}
	return ""
}

func nowMs(in *instance, s []uint64) {
	in.pay(0, 0)
	s[0] = uint64(in.event.asked.Round)
}

func random(in *instance, s []uint64) {
	to := in.view(s[0], s[1])
	in.pay(0, len(to))
	in.draw(to)
	reply(s, int32(len(to)))
}

// draw fills to from the event's random stream.
func (in *instance) draw(to []byte) {
	ev := &in.event
	if !ev.seeded {
		var seed [13 + 32 + 8 + 32]byte
		at := copy(seed[:], "dodona random")
		at += copy(seed[at:], ev.asked.Feed[:])
		binary.BigEndian.PutUint64(seed[at:], uint64(ev.asked.Round))
		copy(seed[at+8:], in.module.digest[:])
		ev.stream.Seed(sha256.Sum256(seed[:]))
		ev.seeded = true
	}
	_, _ = ev.stream.Read(to) // never fails
}

// unstage empties the slot of results.
func (ev *event) unstage() { ev.staged, ev.stagedMs = nil, minMillis }

// stage puts the answer of a call into the slot, if it is no error, and replies its code.
func (ev *event) stage(s []uint64, answer heard) {
	if answer.Code >= 0 {
		ev.staged, ev.stagedMs = answer.Result, answer.MS
	}
	reply(s, answer.Code)
}

func resultRead(in *instance, s []uint64) {
	to := in.view(s[0], s[2])
	in.pay(0, len(to))
	replyPart(s, to, in.event.staged, s[1])
}

func resultMs(in *instance, s []uint64) {
	in.pay(0, 0)
	s[0] = uint64(in.event.stagedMs)
}

func httpGet(in *instance, s []uint64) {
	address := in.view(s[0], s[1])
	in.pay(outsideFuel, len(address))
	ev := &in.event
	ev.unstage()
	switch {
	case len(address) == 0 || len(address) > egress.MaxURL || !isPlain(address):
		reply(s, -einval)
		return
	case in.outside():
		reply(s, -eagain)
		return
	case ev.gets == maxGets:
		reply(s, -enospc)
		return
	}
	ev.gets++
	url := string(address)
	answer, room := ev.record.ask(in.ctx.Context, callHTTPGet, url, -enospc, func(ctx context.Context) heard {
		return in.get(ctx, url)
	})
	if !room {
		answer.Code = -enospc
	}
	ev.stage(s, answer)
}

func (in *instance) get(ctx context.Context, url string) heard {
	limit := manifest.DefaultGetBytes
	if n := in.module.spec.Capabilities.HTTPGet.Bytes; n > 0 {
		limit = n
	}
	status, body, err := in.module.spec.Host.Get(ctx, url, limit)
	switch {
	case errors.Is(err, egress.ErrURL):
		return heard{Code: -einval}
	case errors.Is(err, egress.ErrNotGranted):
		in.tell(err)
		return heard{Code: -eacces}
	case errors.Is(err, egress.ErrRate):
		return heard{Code: -eagain}
	case errors.Is(err, egress.ErrTooLarge), err == nil && len(body) > limit:
		return heard{Code: -enospc}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return heard{Code: -etimedout}
	case err != nil:
		in.tell(err)
		return heard{Code: -eio}
	case status < 200 || status > 299:
		return heard{Code: -1000 - int32(status)}
	}
	return heard{Code: int32(len(body)), Result: body, MS: time.Now().UnixMilli()}
}

// tell logs why the outside did not answer, which the guest is only given a number for.
func (in *instance) tell(err error) {
	if log := in.module.engine.o.Log; log != nil {
		log.Debug("module capability failed", "module", in.module.label, "call", in.event.current.name, "error", err)
	}
}

func readSensor(in *instance, s []uint64) {
	id := in.view(s[0], s[1])
	in.pay(outsideFuel, len(id))
	ev := &in.event
	ev.unstage()
	switch {
	case len(id) > maxSensor || !slices.Contains(in.module.spec.Capabilities.ReadSensor, string(id)):
		reply(s, -eacces)
		return
	case in.outside():
		reply(s, -eagain)
		return
	case ev.sensors == maxSensors:
		reply(s, -enospc)
		return
	}
	ev.sensors++
	source := string(id)
	answer, room := ev.record.ask(in.ctx.Context, callReadSensor, source, -enospc, func(ctx context.Context) heard {
		return in.sensor(ctx, source)
	})
	if !room {
		answer.Code = -enospc
	}
	ev.stage(s, answer)
}

func (in *instance) sensor(ctx context.Context, source string) heard {
	r, err := in.module.spec.Host.Reading(ctx, source)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		return heard{Code: -enoent}
	case err != nil:
		in.tell(err)
		return heard{Code: -eio}
	case len(r.Body) > math.MaxInt32:
		return heard{Code: -enospc}
	}
	return heard{Code: int32(len(r.Body)), Result: r.Body, MS: r.Received.UnixMilli()}
}

// The algorithms of verify.
const (
	algEd25519 = iota
	algSecp256k1
)

// verify(alg, key, keyLen, sig, sigLen, msg, msgLen)
func verify(in *instance, s []uint64) {
	key, sig, msg := in.view(s[1], s[2]), in.view(s[3], s[4]), in.view(s[5], s[6])
	in.pay(verifyFuel, len(key)+len(sig)+len(msg))
	reply(s, verified(uint32(s[0]), key, sig, msg))
}

// verified returns 1, 0, or −EINVAL for lengths that no key or signature has, and keys that are none.
func verified(alg uint32, key, sig, msg []byte) int32 {
	valid := false
	switch {
	case len(sig) != 64:
		return -einval
	case alg == algEd25519 && len(key) == ed25519.PublicKeySize:
		valid = ed25519.Verify(key, msg, sig)
	case alg == algSecp256k1:
		k, err := secp.ParsePublicKey(key)
		if err != nil {
			return -einval
		}
		valid = k.Verify(sha256.Sum256(msg), [64]byte(sig))
	default:
		return -einval
	}
	if valid {
		return 1
	}
	return 0
}
