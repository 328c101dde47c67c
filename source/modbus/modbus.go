// Package modbus reads the registers of devices that speak Modbus: over TCP, TLS, a serial line (RTU), RTU over TCP,
// and from devices behind modems that dial in.
//
// Registers that stand together are read together, in one request each block; one block is one reading, called after what it is, such as
// 3/holding/100-119. A device that refuses a block with exception 2 or 3 is asked for its halves, down to single registers, and that
// is remembered; so is one that answers exception 1 or 4 as long as it gives one register of it alone. A value of several registers is never read in two requests. Only the functions 1 to 4 are ever sent: nothing
// is written.
//
// One connection may lead to many units. One that stays silent is skipped and tried again now and then, so that it does not hold up the others;
// its points are bad meanwhile. An answer counts only if it is of the request: on TCP its transaction, unit, function and length are the
// request's, and after every time-out the connection is made anew. A serial line has no transactions, so after every request that had no answer
// a question of another shape is asked first, whose answer cannot be mistaken: what comes before it is late, and dropped. Whose an answer
// is cannot be told there at all, so a serial server must give its line to one client alone. If another master is heard asking the same unit, or two
// answers fit and differ, the points are bad, and from then on the line is listened to for a moment behind each answer.
//
// What is wrong with a point stands in its reason. An exception is the unit's own answer: 2 (illegal data address) mostly means that the
// manual counts from one (base: 1), 1 that the register is in another table. "No answer", and "does not answer since", are of a unit that is
// off, has another id, or another speed or parity on its line. Exceptions 10 and 11 are of a gateway that cannot reach the unit, and 5 and 6 of a
// unit that was still busy after four tries. What the bytes are not is said as it is: NaN, no digit in BCD, a value that enum does not know,
// one by which the device says that it has none.
//
// The source as a whole fails, and is tried again with growing pauses, if nobody can be connected to or no unit answers.
// ASCII framing, UDP and the functions that write are not offered.
//
// dodona source scan modbus 192.0.2.7 unit=3 --of holding lists the registers of a unit with what stands in them now, as configuration, or with
// --csv as a file for registers. It looks at the addresses 0 to 127 of each table, 32 at a time, unless --of, --from and --to say otherwise.
package modbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "modbus".
var Kind = source.Scanning(source.Decoding(source.NewPolled("modbus", new(doors).open), Settings.rules, decoder), "registers", scan)

// A device is an open source: a line, what is asked of it, and what was learned of whom it asks.
type device struct {
	settings Settings
	env      source.Env
	limit    time.Duration // of an exchange
	connect  func(ctx context.Context) (line, error)
	release  func()      // what connect needs
	renewed  func() bool // reports whether there is a better line than the one in use
	ended    context.Context
	end      context.CancelFunc

	observing sync.Mutex // held by Observe, for what follows
	client    *client    // nil: not connected
	blocks    []block
	units     map[uint8]*unit
	silences  map[string]*silence  // of blocks, by item
	deaf      bool                 // nobody answered in the last exchange
	whole     map[string]time.Time // until when blocks are not tried in parts, by item: no part was there either

	mu   sync.Mutex
	line line // of client, for Close
}

// open prepares a source and does not wait for its device.
func (d *doors) open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	s.Complete()
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	fields, err := s.fields()
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	m := &device{settings: s, env: env, limit: s.limit(), units: map[uint8]*unit{}, silences: map[string]*silence{}, whole: map[string]time.Time{}, release: func() {}, renewed: func() bool { return false }}
	m.ended, m.end = context.WithCancel(context.Background())
	m.blocks = s.plan(fields)
	for _, b := range m.blocks {
		u := m.units[b.unit]
		if u == nil {
			u = &unit{id: b.unit}
			m.units[b.unit] = u
		}
		if s.mistakes() { // for who asked before, and left
			u.owed = u.owed.with(b.request())
		}
	}
	switch {
	case s.Listen != nil:
		guest, err := d.expect(*s.Listen, env)
		if err != nil {
			return nil, err
		}
		m.release, m.renewed = guest.leave, guest.newer
		m.connect = func(ctx context.Context) (line, error) {
			ctx, cancel := context.WithTimeout(ctx, s.ConnectTimeout)
			defer cancel()
			return guest.await(ctx)
		}
	case s.Serial != nil:
		m.connect = s.openSerial
	default:
		m.connect = s.dial
	}
	return m, nil
}

// Close ends an exchange that is under way, and the connection.
func (m *device) Close() error {
	m.end()
	m.mu.Lock()
	if m.line != nil {
		_ = m.line.Close() // nobody reads from it any more
	}
	m.mu.Unlock()
	m.observing.Lock()
	defer m.observing.Unlock()
	m.hangUp()
	m.release()
	m.release = func() {}
	return nil
}

// Observe reads all blocks once.
func (m *device) Observe(ctx context.Context) (dodona.Batch, error) {
	m.observing.Lock()
	defer m.observing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, m.limit)
	defer cancel()
	defer context.AfterFunc(m.ended, cancel)()
	if m.renewed() {
		m.hangUp()
	}
	x := &exchange{device: m, failed: map[uint8]error{}, silent: map[uint8]int{}, answers: map[uint8]bool{}}
	if err := x.run(ctx); err != nil {
		return dodona.Batch{}, err
	}
	if m.settings.CloseAfterPoll {
		m.hangUp()
	}
	return dodona.Batch{Readings: x.readings}, nil
}

// connected connects unless there is a connection.
func (m *device) connected(ctx context.Context) error {
	if m.client != nil {
		return nil
	}
	l, err := m.connect(ctx)
	if err != nil {
		return unreachable{err}
	}
	m.mu.Lock()
	m.line = l
	ended := m.ended.Err() != nil
	m.mu.Unlock()
	m.client = newClient(l, &m.settings)
	m.client.lost = m.env.Dropped
	if ended {
		m.hangUp()
		return errClosed
	}
	return m.client.rest(ctx, m.settings.PauseAfterConnect)
}

// hangUp closes the connection, if there is one.
func (m *device) hangUp() {
	if m.client == nil {
		return
	}
	m.mu.Lock()
	m.line = nil
	m.mu.Unlock()
	_ = m.client.line.Close() // whatever it says, it is not used again
	m.client = nil
}

var errClosed = errors.New("the source is closed")

// An unreachable is an error of connecting: no unit can be asked.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }
