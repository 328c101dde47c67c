package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/source"
)

const (
	sweepTo    = 127                   // the last address that is looked at unless somebody says more
	sweepBlock = 32                    // entries of one request
	sweepPause = 20 * time.Millisecond // between two requests at least
)

// scan asks a unit for the entries of its tables, one after the other, and tells those that it has. A unit refuses a request for several of which
// it lacks one, so these are asked for one by one.
func scan(ctx context.Context, s Settings, within source.Range, env source.Env, found func(source.Found) error) (more bool, err error) {
	wanted := tables
	if within.Of != "" {
		if wanted = []table{table(within.Of)}; !wanted[0].known() {
			return false, dodona.Permanent(fmt.Errorf("%.40q is no table: want holding, input, coil or discrete", within.Of))
		}
	}
	last := within.To
	if last == 0 {
		last = max(sweepTo, within.From)
	}
	if within.From > last || last > 1<<16-1 {
		return false, dodona.Permanent(fmt.Errorf("addresses %d to %d: want them from 0 to 65535", within.From, last))
	}
	zero := 0
	s.Registers, s.Pause = tags.Map[Register]{"any": {Holding: &zero}}, max(s.Pause, sweepPause)
	opened, err := new(doors).open(ctx, s, env)
	if err != nil {
		return false, err
	}
	defer opened.Close()
	w := &sweep{device: opened.(*device), unit: &unit{id: uint8(s.Unit)}, left: within.Most, found: found} //nolint:errcheck // what open returns
	for _, t := range wanted {
		for at := int(within.From); at <= int(last) && err == nil; at += sweepBlock {
			err = w.look(ctx, request{t, uint16(at), min(sweepBlock, int(last)-at+1)})
		}
		if errors.Is(err, errNoTable) {
			err = nil
		}
		if err != nil {
			break
		}
	}
	switch {
	case errors.Is(err, errEnough):
		return true, nil
	case err == nil && w.told == 0 && w.refusal != nil:
		// Fault (exchange): a unit refuses all that a scan asks for.
		return false, dodona.Permanent(fmt.Errorf("nothing was found: unit %d answers %w; is it another unit (unit=N), or do its registers stand elsewhere?", s.Unit, w.refusal))
	}
	return false, err
}

var (
	errEnough  = errors.New("enough was found")
	errNoTable = errors.New("the unit does not have this table")
)

// A sweep is a scan that is under way.
type sweep struct {
	*device
	unit  *unit
	left  int
	found func(source.Found) error

	told    int        // how many were found
	refusal *exception // the newest
}

// look tells which of the entries of a request there are.
func (w *sweep) look(ctx context.Context, r request) error {
	data, err := w.ask(ctx, r)
	var refusal *exception
	if errors.As(err, &refusal) {
		w.refusal = refusal
	}
	switch {
	case refusal != nil && refusal.code == 1:
		return errNoTable
	case refusal != nil && refusal.isOfUnit() && r.n > 1:
		for i := range r.n {
			if err := w.look(ctx, request{r.table, r.at + uint16(i), 1}); err != nil {
				return err
			}
		}
		return nil
	case refusal != nil && refusal.isOfUnit():
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", span{w.unit.id, r.table, int(r.at), r.n}.item(), err)
	}
	for i := range r.n {
		if w.left == 0 {
			return errEnough
		}
		w.left--
		w.told++
		if err := w.found(r.entry(i, data)); err != nil {
			return err
		}
	}
	return nil
}

// ask makes one request, twice if it has no answer.
func (w *sweep) ask(ctx context.Context, r request) (data []byte, err error) {
	for range 2 {
		if err = w.connected(ctx); err != nil {
			return nil, err
		}
		data, err = w.client.ask(ctx, w.unit, r)
		var refusal *exception
		if err == nil || errors.As(err, &refusal) && !refusal.busy() || ctx.Err() != nil {
			return data, err
		}
		if refusal == nil && !errors.Is(err, errShared) && !w.client.survives(err) {
			w.hangUp()
		}
	}
	return nil, err
}

// entry returns what one entry of an answer is.
func (r request) entry(i int, data []byte) source.Found {
	at := int(r.at) + i
	f := source.Found{Name: fmt.Sprintf("%s-%d", r.table, at)}
	of := Register{}
	switch r.table {
	case coil:
		of.Coil = &at
	case discrete:
		of.Discrete = &at
	case holding:
		of.Holding = &at
	default:
		of.Input = &at
	}
	f.Point = of
	if r.table.bits() {
		f.Note = fmt.Sprint(data[i/8] >> (i % 8) & 1)
		return f
	}
	value := binary.BigEndian.Uint16(data[2*i:])
	f.Note = fmt.Sprintf("%d (0x%04x)", value, value)
	return f
}
