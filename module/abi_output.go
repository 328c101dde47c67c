package module

import (
	"log/slog"
	"math"
	"math/big"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/module/abi"
)

// The bounds of a point.
const (
	maxIDTokens = 16
	maxID       = 255 // bytes

	minMillis   = abi.NoTime      // the year 1; means unknown
	maxMillis   = 253402300799999 // the end of the year 9999
	oldestInput = math.MinInt64   // as a time: that of the oldest reading
)

func isID(s string) bool   { return len(s) <= maxID && dodona.CheckName(s, maxIDTokens) == nil }
func isUnit(s string) bool { return len(s) <= maxUnit && plain.Is(s) }

// point(id, idLen, mantissa, exponent, unit, unitLen, time, quality)
func addPoint(in *instance, s []uint64) {
	id, unit := in.View(s[0], s[1]), in.View(s[4], s[5])
	in.Pay(0, len(id)+len(unit))
	abi.Reply(s, in.event.point(id, unit, int64(s[2]), int32(s[3]), int64(s[6]), uint32(s[7])))
}

func (ev *event) point(id, unit []byte, mantissa int64, exponent int32, ms int64, quality uint32) int32 {
	if len(id) > maxID || len(unit) > maxUnit || quality > uint32(dodona.Bad) ||
		exponent < -dodona.MaxScale || exponent > dodona.MaxScale {
		return -abi.EINVAL
	}
	p := dodona.Point{Quality: dodona.Quality(quality)}
	var validID, validUnit, inRange bool
	p.ID, validID = ev.names.intern(&ev.names.ids, id, isID)
	p.Unit, validUnit = ev.names.intern(&ev.names.units, unit, isUnit)
	p.Value, inRange = join(mantissa, exponent)
	switch {
	case !validID, !validUnit, !inRange:
		return -abi.EINVAL
	case ms == oldestInput:
		p.Time = ev.oldest()
	case ms < minMillis, ms > maxMillis:
		return -abi.EINVAL
	default:
		p.Time = time.UnixMilli(ms).UTC()
	}
	if p.Quality == dodona.Bad {
		p.Value = dodona.Decimal{}
	}
	if len(ev.points) == maxPoints {
		return -abi.ENOSPC
	}
	ev.points = append(ev.points, p)
	return 0
}

// join returns mantissa × 10^exponent, for an exponent of at most [dodona.MaxScale] decimals; false if it is out of range.
func join(mantissa int64, exponent int32) (dodona.Decimal, bool) {
	if exponent <= 0 {
		return dodona.NewInt192(mantissa).Decimal(uint8(-exponent)), true
	}
	v, left := mantissa, exponent
	for ; left > 0 && v <= math.MaxInt64/10 && v >= math.MinInt64/10; left-- {
		v *= 10
	}
	if left == 0 {
		return dodona.NewInt192(v).Decimal(0), true
	}
	d, err := dodona.NewDecimal(big.NewInt(mantissa), int(-exponent))
	return d, err == nil
}

func pointReason(in *instance, s []uint64) {
	text := in.View(s[0], s[1])
	in.Pay(0, len(text))
	ev := &in.event
	if len(ev.points) == 0 || len(text) == 0 || len(text) > maxReason || !utf8.Valid(text) {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	ev.points[len(ev.points)-1].Reason = abi.Clean(text, maxReason)
	abi.Reply(s, 0)
}

func outputWrite(in *instance, s []uint64) {
	b := in.View(s[0], s[1])
	in.Pay(0, len(b))
	if len(b) > maxOutput {
		abi.Reply(s, -abi.ENOSPC)
		return
	}
	in.event.output = append(in.event.output[:0], b...)
	abi.Reply(s, 0)
}

func fail(in *instance, s []uint64) {
	text := in.View(s[1], s[2])
	in.Pay(0, len(text))
	f := &in.event.failure
	f.said, f.code, f.text = true, int32(s[0]), append(f.text[:0], text[:min(len(text), maxFailText+1)]...)
}

// levels are the levels of log.
var levels = [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

func guestLog(in *instance, s []uint64) {
	text := in.View(s[1], s[2])
	in.Pay(0, len(text))
	if !in.Outside() {
		in.event.log(levels[min(uint32(s[0]), uint32(len(levels)-1))], text)
	}
}
