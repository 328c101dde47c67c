package evm

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// A testimony is what one endpoint says of where others are ahead.
type testimony struct {
	words  map[string]word
	silent map[string]bool // asked, and not answered
	gone   bool            // nothing is there
}

// A keptHead is an endpoint's newest block, for when it answered nothing else in a turn: nothing needs two answers in a row.
type keptHead struct {
	ethrpc.Header
	at time.Time
}

// headFor is how long such a block is good for.
const headFor = 30 * time.Second

// testify asks the other endpoints, all at once and for no longer than one request may take, for what a view is ahead in. Who does not answer is no
// witness; what was not asked for in that time comes first at the next turn.
func (s *Sink) testify(ctx context.Context, v *view) {
	now := s.env.Now()
	endpoints := s.client.Endpoints()
	s.mu.Lock()
	leads := s.m.leads(now, *v)
	asks := make([][]lead, len(endpoints))
	for n := range leads {
		l := leads[(n+s.turns.witnesses)%len(leads)]
		for index := range endpoints {
			if e := s.m.heard.of[l.place]; l.by != index && (e == nil || !e.asked(now, index, l)) {
				asks[index] = append(asks[index], l)
			}
		}
	}
	where := s.m.places()
	s.mu.Unlock()
	if len(leads) == 0 {
		return
	}
	s.turns.witnesses++
	if s.turns.heads == nil {
		s.turns.heads = make([]keptHead, len(endpoints))
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	all := make([]testimony, len(endpoints))
	var asked sync.WaitGroup
	for index := range endpoints {
		asked.Go(func() { all[index] = s.witnessed(ctx, index, asks[index], where) })
	}
	asked.Wait()
	v.Words, v.Silent, v.Untold = make(map[string][]word), make(map[string]bool), make(map[string]bool)
	for index, t := range all {
		for _, l := range asks[index] {
			word, heard := t.words[l.place]
			switch {
			case heard:
				v.Words[l.place] = append(v.Words[l.place], word)
			case t.gone:
			case t.silent[l.place]:
				v.Silent[l.place] = true
			default:
				v.Untold[l.place] = true
			}
		}
	}
}

// places returns the anchors that are under way, by place.
func (m *machine) places() map[string]*Payload {
	places := make(map[string]*Payload)
	for _, i := range m.open {
		if i.Payload != nil && i.Payload.Anchor() {
			places[i.place()] = i.Payload
		}
	}
	return places
}

// witnessed asks one endpoint about leads, as of its newest block, or of that of the turn before if it did not answer then.
func (s *Sink) witnessed(ctx context.Context, index int, leads []lead, anchors map[string]*Payload) (t testimony) {
	if len(leads) == 0 {
		return t
	}
	t.words, t.silent = make(map[string]word), make(map[string]bool)
	w := s.client.Witness(index)
	kept, err := s.turns.heads[index], error(nil)
	if now := s.env.Now(); now.Sub(kept.at) >= headFor || now.Before(kept.at) {
		kept.at = now
		kept.Header, err = w.Header(ctx, ethrpc.Latest)
	}
	head := kept.Header
	s.turns.heads[index] = keptHead{}
	if err != nil {
		s.env.Log.Debug("an endpoint is no witness", "error", err)
		t.gone = errors.Is(err, ethrpc.ErrGone) || errors.Is(err, syscall.ECONNREFUSED)
		for _, l := range leads {
			t.silent[l.place] = true
		}
		return t
	}
	for _, l := range leads {
		if ctx.Err() != nil {
			return t
		}
		heard, err := s.saysOf(ctx, w, l.place, anchors, ethrpc.At(head.Number))
		if said := (*ethrpc.Error)(nil); errors.As(err, &said) { // not every node knows blocks by their number
			heard, err = s.saysOf(ctx, w, l.place, anchors, ethrpc.Latest)
		}
		if err != nil {
			s.env.Log.Debug("an endpoint is no witness", "of", l.inWords(), "error", err)
			if len(t.words) == 0 {
				s.turns.heads[index] = kept
			}
			if len(t.words) == 0 || ctx.Err() == nil { // else its time was over
				t.silent[l.place] = true
			}
			return t
		}
		heard.by, heard.clock = index, time.Unix(int64(min(head.Time, 1<<40)), 0)
		t.words[l.place] = heard
	}
	return t
}

// saysOf asks one endpoint for what is in a place.
func (s *Sink) saysOf(ctx context.Context, w ethrpc.Witness, place string, anchors map[string]*Payload, at ethrpc.Block) (heard word, err error) {
	if place == theNonce {
		heard.level, err = w.Nonce(ctx, s.wallet.Address(), at)
		return heard, err
	}
	contract, slot, read := s.targets[place], dodona.Digest{}, slotOf
	if p := anchors[place]; p != nil {
		contract, slot, read = s.settings.Anchor, p.Slot, anchorSlot
	}
	text, err := w.Storage(ctx, contract, slot, at)
	heard.said = read(text)
	heard.level = uint64(heard.said.Round)
	return heard, err
}
