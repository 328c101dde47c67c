package modbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
)

// An exchange reads all blocks once.
type exchange struct {
	*device
	readings []dodona.Reading
	failed   map[uint8]error // units that are not asked any more, and why
	silent   map[uint8]int   // how many blocks of a unit had no answer, one behind the other
	answers  map[uint8]bool  // units that gave any
	gateway  bool            // one answered for a unit
	last     error           // why whom it asked first did not answer
}

// mostSilent is how many blocks of a unit in a row may have no answer before it is not asked for the others.
const mostSilent = 2

// run asks for one block after the other, in the order of units.
func (x *exchange) run(ctx context.Context) error {
	x.leaveResting()
	var blocks []block
	for _, b := range x.blocks {
		kept, err := x.block(ctx, b)
		if err != nil {
			return err
		}
		blocks = append(blocks, kept...)
	}
	x.blocks = blocks
	x.judge()
	var nobody unreachable
	switch {
	case len(x.answers) > 0 || x.gateway:
		return nil
	case errors.As(x.last, &nobody):
		return x.last
	default:
		return fmt.Errorf("%s: %w", x.settings.Peer(), cmp.Or(x.last, errSilent))
	}
}

// leaveResting leaves out the units that rest. Of a line on which all do one is asked all the same, the one whose rest ends first: whether
// anybody is there again must be known.
func (x *exchange) leaveResting() {
	now := x.env.Now()
	var first *unit
	for id, u := range x.units {
		if !u.rests(now) {
			first = nil
			break
		}
		if first == nil || u.next.Before(first.next) || u.next.Equal(first.next) && id < first.id {
			first = u
		}
	}
	for id, u := range x.units {
		if u.rests(now) && u != first {
			x.failed[id] = u.told(fmt.Sprintf("unit %d", id))
		}
	}
}

// judge notes which units answered. After an exchange in which none did, the first answer ends all rests.
func (x *exchange) judge() {
	back := x.deaf && len(x.answers) > 0
	for id, u := range x.units {
		switch {
		case x.answers[id]:
			u.silence = silence{}
		case back:
			u.next = time.Time{}
		case x.silent[id] > 0:
			u.goesOn(x.env.Now(), cmp.Or(x.failed[id], x.last))
		}
	}
	x.deaf = len(x.answers) == 0
}

// block brings the readings of one block, of its halves if the unit refuses it as a whole, and returns what to ask for the next time.
func (x *exchange) block(ctx context.Context, b block) ([]block, error) {
	if err := x.resting(b); err != nil {
		x.bad(b, nil, err)
		return []block{b}, nil
	}
	begun := x.env.Now()
	data, err := x.ask(ctx, b)
	if ctx.Err() != nil {
		return nil, x.interrupted(ctx, err)
	}
	if err == nil {
		x.answered(b)
		x.good(b, data, begun)
		return []block{b}, nil
	}
	var refusal *exception
	var nobody unreachable
	switch refused := errors.As(err, &refusal); {
	case errors.Is(err, errShared):
		x.answered(b)
	case refused && refusal.isOfUnit() || errors.Is(err, errForeign):
		x.answered(b)
		if len(b.fields) > 1 && (!refused || refusal.splits()) {
			return x.halves(ctx, b)
		}
		if refused && len(b.fields) > 1 && refusal.maySplit() {
			if x.givesPart(ctx, b) {
				return x.halves(ctx, b)
			}
			err = fmt.Errorf("%w, so is its first register alone; where others can be read one by one, set one_by_one", err)
		}
	case refused:
		x.gateway = true
		x.goesSilent(b, err, mostSilent)
		x.last = cmp.Or(x.last, err)
	case errors.As(err, &nobody):
		for id := range x.units {
			x.failed[id] = err
		}
		x.last = cmp.Or(x.last, err)
	default:
		x.goesSilent(b, err, 1)
		x.last = cmp.Or(x.last, fmt.Errorf("unit %d: %w", b.unit, err))
	}
	x.bad(b, refusal.body(), err)
	return []block{b}, nil
}

// wholeFor is how long a block of which no part could be read either is not tried in parts.
const wholeFor = time.Minute

// givesPart reports whether a unit that refused a block as a whole gives the first field of it.
func (x *exchange) givesPart(ctx context.Context, b block) bool {
	now := x.env.Now()
	if until := x.whole[b.item()]; now.Before(until) && until.Sub(now) <= wholeFor {
		return false
	}
	if _, err := x.ask(ctx, blockOf(b.fields[:1])); err == nil {
		return true
	}
	x.whole[b.item()] = now.Add(wholeFor)
	return false
}

// resting returns why a block is not asked for now.
func (x *exchange) resting(b block) error {
	if err := x.failed[b.unit]; err != nil {
		return err
	}
	of := x.silences[b.item()]
	if of == nil || x.units[b.unit].exchanges > 0 || !of.rests(x.env.Now()) {
		return nil
	}
	return of.told("it, alone of its unit,")
}

// answered notes that the unit did, to this block.
func (x *exchange) answered(b block) {
	x.answers[b.unit] = true
	x.silent[b.unit] = 0
	delete(x.silences, b.item())
}

// goesSilent notes that the unit did not answer, which counts as so many blocks.
func (x *exchange) goesSilent(b block, why error, blocks int) {
	of := x.silences[b.item()]
	if of == nil {
		of = &silence{}
		x.silences[b.item()] = of
	}
	of.goesOn(x.env.Now(), why)
	if x.silent[b.unit] += blocks; x.silent[b.unit] >= mostSilent || !x.hasMore(b) {
		x.failed[b.unit] = why
	}
}

// hasMore reports whether the unit has another block than b.
func (x *exchange) hasMore(b block) bool {
	for _, other := range x.blocks {
		if other.unit == b.unit && other.at != b.at {
			return true
		}
	}
	return false
}

// halves asks for both halves of a block.
func (x *exchange) halves(ctx context.Context, b block) (kept []block, err error) {
	for _, half := range b.halves() {
		more, err := x.block(ctx, half)
		if err != nil {
			return nil, err
		}
		kept = append(kept, more...)
	}
	return kept, nil
}

// contentType of a block.
const contentType = "application/octet-stream"

// good adds the reading of a block.
func (x *exchange) good(b block, data []byte, begun time.Time) {
	now := x.env.Now()
	x.readings = append(x.readings, dodona.Reading{
		Source: x.env.Source, Item: b.item(), Body: data, ContentType: contentType, Received: now,
		Detail: fmt.Sprintf("function %d of unit %d at %s, %d B, %d ms", b.table.function(), b.unit, x.settings.Peer(), len(data), now.Sub(begun).Milliseconds()),
	})
}

// bad adds the reading of a block that brought no registers.
func (x *exchange) bad(b block, body []byte, why error) {
	x.readings = append(x.readings, dodona.Reading{
		Source: x.env.Source, Item: b.item(), Body: body, ContentType: contentType, Received: x.env.Now(), Quality: dodona.Bad, Detail: why.Error(),
	})
}

// interrupted says why an exchange ended before its end.
func (x *exchange) interrupted(ctx context.Context, last error) error {
	x.hangUp() // a request may be under way
	switch {
	case x.ended.Err() != nil:
		return errClosed
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && last != nil:
		return fmt.Errorf("%s: %w", x.settings.Peer(), last)
	}
	return ctx.Err()
}

// ask makes one request, and again as often as the settings and the answer say.
func (x *exchange) ask(ctx context.Context, b block) (data []byte, err error) {
	retries := x.settings.Retries
	if x.units[b.unit].exchanges > 0 || x.silences[b.item()] != nil {
		retries = 0 // it was silent before
	}
	for busy, try := 0, 0; ; {
		reused := x.client != nil
		if err := x.connected(ctx); err != nil {
			return nil, err
		}
		data, err = x.client.ask(ctx, x.units[b.unit], b.request())
		var refusal *exception
		if err == nil || ctx.Err() != nil {
			return data, err
		}
		if errors.As(err, &refusal) {
			if !refusal.busy() || busy == len(busyPauses) {
				return nil, err
			}
			if err := x.client.rest(ctx, busyPauses[busy]); err != nil {
				return nil, err
			}
			busy++
			continue
		}
		if errors.Is(err, errShared) {
			return nil, err
		}
		if !x.client.survives(err) {
			x.hangUp()
		}
		idle := reused && try == 0 && errors.Is(err, errGone) // gateways close what is idle
		if errors.Is(err, errForeign) || try >= retries && !idle {
			return nil, err
		}
		try++
	}
}

// busyPauses are between tries of a unit that says that it is busy.
var busyPauses = []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}
