package evm

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Status is what an evm sink adds to the status of a sink.
type Status struct {
	Sender    dodona.Address            `json:"sender"`
	Chain     uint64                    `json:"chain,omitempty"`
	Head      uint64                    `json:"head,omitempty"`    // the newest block seen
	BaseFee   Price                     `json:"baseFee,omitempty"` // of it
	Balance   string                    `json:"balance,omitempty"` // of the sender
	Planned   int                       `json:"planned"`           // answers that wait
	Flying    int                       `json:"flying"`            // transactions in no block
	Mined     int                       `json:"mined"`             // transactions in a block, not deep enough
	Slots     map[string]sink.Said      `json:"slots,omitempty"`   // what the contracts hold, by feed
	Contracts map[string]dodona.Address `json:"contracts"`
	Troubles  map[string]string         `json:"troubles,omitempty"`
	Endpoints []ethrpc.EndpointStatus   `json:"endpoints"`
}

// show tells the status what the machine knows. The caller holds mu.
func (s *Sink) show(v *view) {
	st := Status{
		Sender: s.m.sender, Chain: s.m.chain, Contracts: s.targets, Slots: make(map[string]sink.Said),
		Troubles: make(map[string]string), Endpoints: s.client.Endpoints(),
	}
	for feed := range s.targets {
		if said, found := s.m.holds(feed); found {
			st.Slots[feed] = said
		}
	}
	for what, t := range s.m.trouble {
		st.Troubles[what] = t.Message
	}
	var oldest time.Time // of those that the queue has
	for _, i := range s.m.open {
		switch i.State {
		case Planned:
			st.Planned++
		case Mined:
			st.Mined++
			continue
		default:
			st.Flying++
		}
		if p := i.Payload; p != nil && !p.Attested.IsZero() && (oldest.IsZero() || p.Attested.Before(oldest)) {
			oldest = p.Attested
		}
	}
	state, worst := s.m.standing()
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	if v != nil {
		st.Head, st.BaseFee, st.Balance = v.Head.Number, Price(v.Head.BaseFee), ethrpc.Ether(v.Balance)
		inGwei := new(big.Int).Div(v.Balance, big.NewInt(int64(gwei)))
		if inGwei.IsInt64() {
			s.env.Recorder.Gauge(telemetry.SinkBalance.Of(s.env.Sink), inGwei.Int64())
		}
	} else {
		st.Head, st.BaseFee, st.Balance = s.status.Head, s.status.BaseFee, s.status.Balance
	}
	if of, _, _ := strings.Cut(s.lastErr, ": "); worst != "" && worst != "rpc" && (of == "rpc" || !s.m.troubledBy(of)) { // told last, and not what is in the way
		s.lastErr, s.errAt = strings.Fields(worst)[0]+": "+s.m.trouble[worst].Message, s.m.trouble[worst].Since
	}
	s.status, s.state, s.oldest = st, state, oldest
	s.env.Holds(st.Planned + st.Flying)
	s.env.Recorder.Gauge(telemetry.SinkTroubles.Of(s.env.Sink), int64(len(st.Troubles)))
}

// troubledBy reports whether a trouble of that kind is there.
func (m *machine) troubledBy(kind string) bool {
	for what := range m.trouble {
		if strings.Fields(what)[0] == kind {
			return true
		}
	}
	return false
}

// standing returns the state that the troubles make, and the worst of them. An endpoint that is slow, fails, or keeps to itself what it takes may come
// back by itself, any other trouble waits for somebody; of these the last to begin counts.
func (m *machine) standing() (state sink.State, worst string) {
	state = sink.OK
	for _, what := range slices.Sorted(maps.Keys(m.trouble)) {
		switch {
		case what == "rpc" && m.eased:
		case what == "rpc", what == overdue, what == alone:
			if state == sink.OK {
				state, worst = sink.Retrying, what
			}
		case state != sink.Stuck || m.trouble[what].Since.After(m.trouble[worst].Since):
			state, worst = sink.Stuck, what
		}
	}
	return state, worst
}

// inWords says what requests wait for.
func inWords(slow ethrpc.Slowness, now time.Time) string {
	next := slow.Next
	if next.Before(now) {
		next = now
	}
	if slow.Over() {
		return fmt.Sprintf("waited for the endpoint %s since %sZ, which refused %d of %d requests, the last one %s, and answers again",
			slow.Host, slow.Since.UTC().Format(time.TimeOnly), slow.Times, slow.Of, slow.Refused)
	}
	return fmt.Sprintf("waits for the endpoint %s since %sZ: it refused %d of %d requests, the last one %s; a request waits %s or so, the next try is at %sZ",
		slow.Host, slow.Since.UTC().Format(time.TimeOnly), slow.Times, slow.Of, slow.Refused, slow.Each.Round(time.Second/10), next.UTC().Format(time.TimeOnly))
}

// Report fills in what the loop cannot know.
func (s *Sink) Report(to *sink.Status) {
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	st := s.status
	now := s.env.Now()
	slow, waits := s.client.Slow()
	if st.Endpoints == nil || waits {
		st.Endpoints = s.client.Endpoints()
	}
	if waits && (st.Troubles["rpc"] == "" || !slow.Next.IsZero()) { // else the last request failed in another way
		st.Troubles = maps.Clone(st.Troubles)
		if st.Troubles == nil {
			st.Troubles = make(map[string]string)
		}
		st.Troubles["rpc"] = inWords(slow, now)
	}
	to.Detail, to.Last = st, s.last
	if !s.oldest.IsZero() && (to.Oldest.IsZero() || s.oldest.Before(to.Oldest)) {
		to.Oldest = s.oldest
	}
	to.Delivered += s.counts[telemetry.SinkDelivered]
	to.Superseded += s.counts[telemetry.SinkSuperseded]
	to.Skipped += s.counts[telemetry.SinkSkipped]
	to.Failures += s.counts[telemetry.SinkFailures]
	to.Dead += s.counts[telemetry.SinkDead]
	to.DeadLetters = s.letters
	stands := to.State == sink.Stopped || to.State == sink.Stuck // by what the loop knows: it has ended, or what it gives is not taken
	if !stands {
		to.State = s.state
	}
	if s.lastErr != "" && to.State != sink.Stuck || s.state == sink.Stuck {
		to.LastError, to.ErrorTime = s.lastErr, s.errAt
	}
	if waits && !slow.Over() && to.State != sink.Stopped && to.State != sink.Stuck {
		to.State, to.LastError, to.ErrorTime, to.NextTry = sink.Retrying, "rpc: "+st.Troubles["rpc"], now, slow.Next
	}
}
