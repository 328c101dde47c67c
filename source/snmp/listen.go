package snmp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxWaiting = 1000        // notifications that wait to be observed
	maxBatch   = 100         // of them in one batch
	maxMessage = 64 << 10    // bytes of a datagram
	toldFor    = time.Minute // how long an inform is known again that its sender repeats
	readBuffer = 1 << 20     // bytes, as far as the system allows
	maxTold    = 1000
)

// A listener waits for notifications.
type listener struct {
	env    source.Env
	judge  *judge
	socket *net.UDPConn
	queue  chan heard
	ended  chan struct{}
	once   sync.Once
	reader sync.WaitGroup

	mu    sync.Mutex
	known map[string]inform // informs, by sender and request
}

// heard is a notification that waits.
type heard struct {
	reading dodona.Reading
	key     string // of an inform
	from    netip.AddrPort
	answer  []byte
}

// An inform was heard; its answer is sent again with each repetition once it was journaled.
type inform struct {
	at     time.Time
	answer []byte // nil until it was journaled
}

func openListener(s Settings, env source.Env) (dodona.Source, error) {
	j, err := newJudge(s)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(s.Listen)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	if env.Folder != "" && !env.Trial {
		if j.boots, err = bootsBehind(filepath.Join(env.Folder, "boots-"+hex.EncodeToString([]byte(j.engine))), j.boots); err != nil {
			env.Log.Warn(env.Source+": senders of v3 may refuse this node until they start again if its clock is set back: "+err.Error(), "source", env.Source)
		}
	}
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := countOverflow(socket); err != nil {
		env.Log.Warn(env.Source+": what the system has no room for is not counted: "+err.Error(), "source", env.Source)
	}
	_ = socket.SetReadBuffer(readBuffer) // the system gives less if it has to
	l := &listener{env: env, judge: j, socket: socket, queue: make(chan heard, maxWaiting), ended: make(chan struct{}), known: map[string]inform{}}
	l.reader.Go(l.read)
	return l, nil
}

// Close ends the listener.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.ended)
		_ = l.socket.Close()
	})
	l.reader.Wait()
	return nil
}

// read reads datagrams until the socket is closed.
func (l *listener) read() {
	buffer, beside := make([]byte, maxMessage), make([]byte, 64)
	var overflown uint32
	for {
		n, more, _, from, err := l.socket.ReadMsgUDPAddrPort(buffer, beside)
		if total, told := overflowOf(beside[:max(more, 0)]); told && total != overflown {
			// Fault (dropped): notifications come faster than this machine takes them.
			l.env.Dropped(uint64(total-overflown), "the system had no room for them: more come than are taken")
			overflown = total
		}
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			select {
			case <-l.ended:
				return
			case <-time.After(100 * time.Millisecond): // what fails now may fail at once again
			}
			continue
		}
		l.hear(buffer[:n], from)
	}
}

// hear takes one datagram.
func (l *listener) hear(datagram []byte, from netip.AddrPort) {
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	v, err := l.judge.judge(datagram, from.Addr(), l.env.Now())
	switch {
	case err != nil && v.answer != nil: // a question of who we are
		_, _ = l.socket.WriteToUDPAddrPort(v.answer, from) // it asks again
		return
	case err != nil:
		l.env.Dropped(1, fmt.Sprintf("from %s: %s", from.Addr(), err))
		return
	}
	h := heard{reading: v.reading, from: from, answer: v.answer}
	h.reading.Source, h.reading.Received = l.env.Source, l.env.Now()
	if v.answer != nil {
		// A device that starts again numbers its informs from the beginning, and some give all one number; only one sent again says the same.
		h.key = fmt.Sprintf("%s %d %x", from, v.request, sha256.Sum256(h.reading.Body))
		if l.repeated(h) {
			return
		}
	}
	select {
	case l.queue <- h:
	default:
		l.forget(h.key)
		// Fault (dropped): notifications come faster than they are taken.
		l.env.Dropped(1, fmt.Sprintf("%d notifications wait already: more come than are taken", maxWaiting))
	}
}

// repeated reports whether an inform was heard before, and answers it again if it was journaled; else it is known from now on.
func (l *listener) repeated(h heard) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if was, known := l.known[h.key]; known && now.Sub(was.at) < toldFor {
		if was.answer != nil {
			_, _ = l.socket.WriteToUDPAddrPort(h.answer, h.from)
		}
		return true
	}
	if len(l.known) >= maxTold {
		for key, was := range l.known {
			if now.Sub(was.at) >= toldFor || len(l.known) >= maxTold {
				delete(l.known, key)
			}
		}
	}
	l.known[h.key] = inform{at: now}
	return false
}

func (l *listener) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, key)
}

// Observe returns the notifications that wait, and waits for one if there is none.
func (l *listener) Observe(ctx context.Context) (dodona.Batch, error) {
	var all []heard
	select {
	case <-ctx.Done():
		return dodona.Batch{}, ctx.Err()
	case <-l.ended:
		return dodona.Batch{}, errors.New("the source is closed")
	case h := <-l.queue:
		all = append(all, h)
	}
	for len(all) < maxBatch && len(l.queue) > 0 {
		all = append(all, <-l.queue)
	}
	b := dodona.Batch{Ack: func(context.Context) error { return l.acknowledge(all) }}
	for _, h := range all {
		b.Readings = append(b.Readings, h.reading)
	}
	return b, nil
}

// acknowledge answers the informs among what is in the journal now.
func (l *listener) acknowledge(all []heard) error {
	var errs []error
	for _, h := range all {
		if h.answer == nil {
			continue
		}
		l.mu.Lock()
		l.known[h.key] = inform{at: time.Now(), answer: h.answer}
		l.mu.Unlock()
		if _, err := l.socket.WriteToUDPAddrPort(h.answer, h.from); err != nil {
			errs = append(errs, fmt.Errorf("answer the inform from %s: %w", h.from.Addr(), err))
		}
	}
	return errors.Join(errs...)
}
