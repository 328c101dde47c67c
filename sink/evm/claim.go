package evm

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
)

// Two things that an endpoint can say cannot be undone: a slot ahead of everything that is known to be sent drops every round up to it, and a
// count of transactions ahead of all that were given buys the ones between. So these are claims. One is believed if another endpoint, which is
// asked for that alone, says so too, as far as both say it. If another one denies it that has seen the same blocks, it is not. If nobody else can
// tell, the endpoint is asked again and again for a while, and what depends on it waits.

// A claim is what an endpoint says of a place, ahead of all that is known.
type claim struct {
	word
	place string // of the slot; theCount
	known uint64 // the newest round that was sent there or is known to be in the slot; how many transactions are known
}

// A word is what one endpoint says of a place.
type word struct {
	by    int
	level uint64    // the round in the slot, or the count
	said  sink.Said // the slot
	saw   uint64    // number of the endpoint's newest block
}

// theCount is the place of how many transactions the sender has sent: no feed has an empty name.
const theCount = ""

// Evidence is what was said of a place since something is claimed of it.
type evidence struct {
	since time.Time
	block uint64       // the newest one then: who has not seen it cannot deny
	views int          // that claimed it
	said  map[int]word // by endpoint: the least that it claimed
	told  bool

	denial   word // the last one
	deniedAt time.Time
	lags     bool      // another endpoint had not seen the block
	alone    int       // views in a row in which it was claimed and no denial held
	aloneAt  time.Time // the first of them
}

// deniedFor is how long a denial holds if who denied is not heard of any more: what somebody else must have is not true because he is silent.
const deniedFor = 10 * time.Minute

// A verdict is what comes of a claim.
type verdict int

const (
	proven verdict = iota
	refuted
	unclear // it is asked again
)

// claims returns what of a view is ahead of all that is known, in order. What a sole endpoint says at first is all there is to go by.
func (m *machine) claims(now time.Time, v view) (list []claim) {
	several := len(m.hosts) > 1
	if known := max(m.chainNonce, m.nonce); v.Nonce > known && (m.counted || several) {
		list = append(list, claim{word{by: v.By[theCount], level: v.Nonce, saw: v.Head.Number}, theCount, known})
	}
	for _, place := range slices.Sorted(maps.Keys(v.Slots)) {
		said := v.Slots[place]
		known := uint64(max(m.slots[place].Round, m.sentTo(place)))
		if uint64(said.Round) > known && (m.known[place] || several) && !early(now, v, said) {
			list = append(list, claim{word{v.By[place], uint64(said.Round), said, v.Head.Number}, place, known})
		}
	}
	return list
}

// sentTo returns the newest round that went to a place, of what is under way.
func (m *machine) sentTo(place string) (round dodona.Round) {
	for _, i := range m.open {
		if i.Payload == nil || i.place() != place {
			continue
		}
		for _, a := range i.Attempts {
			round = max(round, a.Round)
		}
	}
	return round
}

// expected returns the lowest nonce of ours that the chain is to take next, or took not long ago.
func (m *machine) expected() uint64 {
	next := m.nonce
	for _, i := range m.open {
		if i.State.inFlight() {
			next = min(next, i.Nonce)
		}
	}
	return next
}

// testify asks the other endpoints for what a view claims. It never fails: who does not answer is no witness.
func (s *Sink) testify(ctx context.Context, v *view) {
	s.mu.Lock()
	claims := s.m.claims(s.env.Now(), *v)
	payloads := make(map[string]*Payload)
	for _, i := range s.m.open {
		if i.Payload != nil {
			payloads[i.place()] = i.Payload
		}
	}
	s.mu.Unlock()
	if len(claims) == 0 {
		return
	}
	v.Words = make(map[string][]word)
	for index, e := range s.client.Endpoints() {
		if err := s.witnessed(ctx, v, index, claims, payloads); err != nil {
			s.env.Log.Debug("an endpoint is no witness", "endpoint", e.Host, "error", err)
		}
	}
}

// witnessed asks one endpoint about the claims of others, as of its newest block.
func (s *Sink) witnessed(ctx context.Context, v *view, index int, claims []claim, payloads map[string]*Payload) error {
	claims = slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.by == index })
	if len(claims) == 0 {
		return nil
	}
	w := s.client.Witness(index)
	head, err := w.Header(ctx, evm.Latest)
	if err != nil {
		return err
	}
	at := evm.At(head.Number)
	for _, c := range claims {
		heard := word{by: index, saw: head.Number}
		switch p := payloads[c.place]; {
		case c.place == theCount:
			heard.level, err = w.Nonce(ctx, s.wallet.Address(), at)
		default:
			contract, slot, read := s.targets[c.place], dodona.Digest{}, slotOf
			if p != nil && p.anchor() {
				contract, slot, read = s.settings.Anchor, p.Slot, anchorSlot
			}
			var text [32]byte
			text, err = w.Storage(ctx, contract, slot, at)
			heard.said = read(text)
			heard.level = uint64(heard.said.Round)
		}
		if err != nil {
			return err
		}
		v.Words[c.place] = append(v.Words[c.place], heard)
	}
	return nil
}

// weigh takes out of a view what is claimed and not to be believed, or not yet. Of such a slot it holds what a witness denied it with, if
// any; such a count is as many as are known to be used.
func (m *machine) weigh(fx *effects, now time.Time, v *view) {
	claims := m.claims(now, *v)
	maps.DeleteFunc(m.evidence, func(place string, _ *evidence) bool {
		return !slices.ContainsFunc(claims, func(c claim) bool { return c.place == place })
	})
	m.held, m.unsure = false, make(map[string]dodona.Round)
	waiting := ""
	v.Slots = maps.Clone(v.Slots)
	for _, c := range claims {
		e := m.evidence[c.place]
		if e == nil {
			e = &evidence{since: now, block: v.Head.Number, said: make(map[int]word)}
			m.evidence[c.place] = e
		}
		if !v.Kept {
			e.views++
		}
		how, it := e.judge(now, c, v.Words[c.place], !v.Kept)
		if how == proven {
			delete(m.evidence, c.place)
		}
		switch {
		case c.place == theCount && how == proven:
			v.Nonce = it.level
		case c.place == theCount:
			m.held = how == unclear
			v.Nonce = max(m.chainNonce, m.expected())
		case how == unclear:
			delete(v.Slots, c.place)
			m.unsure[c.place] = it.said.Round
		case how == proven || !m.known[c.place] || it.said.Round >= m.slots[c.place].Round:
			v.Slots[c.place] = it.said
		default:
			delete(v.Slots, c.place)
		}
		switch {
		case how == refuted:
			m.deny(fx, now, e, c, it)
		case how == unclear && e.views > 1 && m.waitsFor(c):
			waiting = fmt.Sprintf("%s says that %s, where %d is known; it is wrong, or somebody else uses the key or delivers, and nobody else can be asked: what depends on it waits until it has said so for a while",
				m.host(c.by), c.inWords(), c.known)
		}
	}
	m.say(fx, now, "claim", waiting != "", waiting)
	m.chainNonce, m.counted = v.Nonce, true
}

// judge weighs what is said of a claim in this view, and with it what was said before; a view that is kept says nothing anew. It returns what
// is proven, what it is denied with, or the least of what is claimed.
func (e *evidence) judge(now time.Time, c claim, words []word, anew bool) (verdict, word) {
	denied := false
	maps.DeleteFunc(e.said, func(_ int, w word) bool { return w.level <= c.known })
	for _, w := range append(slices.Clone(words), c.word) {
		switch least, heard := e.said[w.by]; {
		case w.level > c.known && (!heard || w.level < least.level):
			e.said[w.by] = w
		case w.level > c.known:
		case w.saw < e.block:
			e.lags = true // it may see it soon
		default:
			if delete(e.said, w.by); !denied || w.level > e.denial.level {
				e.denial, e.deniedAt, denied = w, now, true
			}
		}
	}
	levels := slices.SortedFunc(maps.Values(e.said), func(a, b word) int { return cmp.Compare(b.level, a.level) })
	patience := lostFor
	if e.lags {
		patience = laggingFor
	}
	switch {
	case len(levels) > 1:
		return proven, levels[1]
	case !e.deniedAt.IsZero() && now.Sub(e.deniedAt) < deniedFor:
		e.alone = 0
		return refuted, e.denial
	case anew:
		if e.alone++; e.alone == 1 {
			e.aloneAt = now
		}
	}
	if e.alone >= lostViews && now.Sub(e.aloneAt) >= patience {
		return proven, levels[0]
	}
	return unclear, levels[0]
}

// waitsFor reports whether something waits for a claim.
func (m *machine) waitsFor(c claim) bool {
	return m.find(func(i *Intent) bool {
		return i.State == Planned && (c.place == theCount || i.place() == c.place && i.Payload.Round <= m.unsure[c.place])
	}) != nil
}

// deny tells, once, of an endpoint that goes on claiming what another one denies.
func (m *machine) deny(fx *effects, now time.Time, e *evidence, c claim, denial word) {
	if e.told || e.views < lostViews || now.Sub(e.since) < lostFor {
		return
	}
	e.told = true
	m.tell(fx, now, "claim", fmt.Sprintf("%s says that %s; %s has seen as many blocks and says %d, and %d is known: what the first says of it is not believed, and nothing waits for it",
		m.host(c.by), c.inWords(), m.host(denial.by), denial.level, c.known))
}

func (c claim) inWords() string {
	if c.place == theCount {
		return fmt.Sprintf("the number of transactions sent with the key is %d", c.level)
	}
	return fmt.Sprintf("the slot of %s holds round %d", c.place, c.level)
}

func (m *machine) host(index int) string {
	if index < len(m.hosts) {
		return "the endpoint " + m.hosts[index]
	}
	return "the endpoint"
}
