package knx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// A line is one connection to the bus, from its beginning until it breaks. The library has one too, which does not notice when it is dead, and whose
// goroutines no recover reaches.
type line struct {
	bus    *bus
	socket *net.UDPConn
	by     string // how, in words
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it ended; after done

	// send sends a read, and heard takes a datagram; an error breaks the line.
	send  func(group uint16) error
	take  func(datagram []byte, from netip.AddrPort, now time.Time) error
	tick  func(now time.Time) (next time.Time, err error) // what is due; when to look again
	close func(orderly bool)                              // orderly: the peer may be told

	last    time.Time            // when a telegram came
	watched time.Time            // until when an answer to the watch must come; zero: none is waited for
	reads   map[uint16]*schedule // groups that are read
	gap     time.Time            // before which nothing is read
}

// A schedule says when a group is read.
type schedule struct {
	every time.Duration
	due   time.Time
}

// readGap is how long nothing is read after a read: the bus takes some twenty telegrams a second, of everybody.
const readGap = 100 * time.Millisecond

// newLine returns a line that reads what is to be read.
func (b *bus) newLine(socket *net.UDPConn, by string, now time.Time) *line {
	l := &line{bus: b, socket: socket, by: by, last: now, reads: map[uint16]*schedule{}}
	for _, g := range b.settings.Groups {
		address, err := parseGroup(g.Address)
		if err != nil || g.Read == 0 {
			continue
		}
		if known := l.reads[address]; known != nil {
			known.every = min(known.every, g.Read)
			continue
		}
		l.reads[address] = &schedule{g.Read, now}
	}
	return l
}

// datagram is what came, and from whom.
type datagram struct {
	content []byte
	from    netip.AddrPort
}

// run serves the line until ctx ends or it breaks.
func (l *line) run(ctx context.Context) error {
	incoming, broken := make(chan datagram, 64), make(chan error, 1)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		broken <- l.read(ctx, incoming)
	}()
	orderly := false
	defer func() {
		l.close(orderly)
		<-reading
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			orderly = true
			return ctx.Err()
		case err := <-broken:
			return err
		case d := <-incoming:
			if err := l.take(d.content, d.from, time.Now()); err != nil {
				return err
			}
		case <-timer.C:
		}
		now := time.Now()
		next, err := l.due(now)
		if err != nil {
			orderly = errors.Is(err, errQuiet)
			return err
		}
		timer.Reset(max(next.Sub(now), time.Millisecond))
	}
}

// read hands over what comes until the socket fails, or is closed.
func (l *line) read(ctx context.Context, into chan<- datagram) error {
	buffer := make([]byte, 4<<10)
	for {
		n, from, err := l.socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return l.failure(err)
		}
		select {
		case into <- datagram{slices.Clone(buffer[:n]), from}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// failure says in words what is wrong with the socket.
func (l *line) failure(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nobody listens at %s (connection refused)", l.bus.settings.Gateway)
	}
	return fmt.Errorf("%s: %w", l.by, err)
}

// due does what is due, and returns when to look again.
func (l *line) due(now time.Time) (next time.Time, err error) {
	if next, err = l.tick(now); err != nil {
		return next, err
	}
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if err := l.watch(now, sooner); err != nil {
		return next, err
	}
	for _, group := range slices.Sorted(maps.Keys(l.reads)) {
		of := l.reads[group]
		if !of.due.After(now) && !l.gap.After(now) {
			if err := l.send(group); err != nil {
				return next, err
			}
			l.gap, of.due = now.Add(readGap), now.Add(of.every)
		}
		if at := of.due; at.After(l.gap) {
			sooner(at)
		} else {
			sooner(l.gap)
		}
	}
	return next, nil
}

// watch tries the way to the bus after a silence.
func (l *line) watch(now time.Time, sooner func(time.Time)) error {
	quiet := l.last.Add(l.bus.settings.Silence)
	switch {
	case l.watched.IsZero() && quiet.After(now):
		sooner(quiet)
		return nil
	case l.watched.IsZero():
		group, is := l.bus.settings.watched()
		if !is {
			return errQuiet
		}
		l.watched = now.Add(l.bus.settings.Timeout)
		if err := l.send(group); err != nil {
			return err
		}
	case !l.watched.After(now):
		if l.bus.settings.Routing != "" {
			return errQuiet // nobody has to answer there
		}
		// Fault (exchange): a tunnel is dead with every sign of life.
		return fmt.Errorf("%s is dead: no telegram for %s, and none of a read in %s", l.by, now.Sub(l.last).Round(time.Second), l.bus.settings.Timeout)
	}
	sooner(l.watched)
	return nil
}

// hear takes a telegram in cEMI.
func (l *line) hear(frame []byte, now time.Time) {
	t, err := parseTelegram(frame)
	if errors.Is(err, errTelegram) {
		// Fault (dropped): a frame is no telegram.
		l.bus.env.Dropped(1, l.by+": a frame that is no telegram")
		return
	}
	l.last, l.watched = now, time.Time{} // whatever it is, the way is open
	if err == nil {
		l.bus.heard(t, frame, l.by)
	}
}
