package evm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A contract may be in order and not the one that is meant: that of another feed, or of anchors instead of a feed. It refuses all, for reasons that lead
// nowhere, and what it holds is of something else. So each is asked once whose it is; one that does not say is taken as it is configured.

// A foreigner is the contract named for a feed that says it is of something else.
type foreigner struct {
	What string    // for people: whose it is, and what to do
	At   time.Time // when endpoints said so
}

// An asked is what came of asking a contract whose it is.
type asked struct {
	at    time.Time
	again bool // it is to be asked again some time: no endpoint answered, or it is foreign, which an endpoint may have made up
	foreigner
}

// whoseEvery is how long a contract is not asked again whose it is, and whoseSoon, if no endpoint answered.
const (
	whoseEvery = retryMost
	whoseSoon  = time.Minute
)

// lookWhose notes whether the contract of a feed is foreign. That nobody says whose it is holds up nothing; the error is that of ctx, or that it is gone.
func (s *Sink) lookWhose(ctx context.Context, l *glance, feed string, contract dodona.Address) error {
	now := s.env.Now()
	w, known := s.turns.whose[feed]
	begun := time.Now()
	if (!known || w.again && now.Sub(w.at).Abs() >= whoseEvery) && !begun.Before(s.turns.whoseNext) {
		what, err := s.askWhose(ctx, feed, contract)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // it is asked again soon, but for a while none is: everything else waited for it
			w.again = true
			now = now.Add(whoseSoon - whoseEvery)
			s.turns.whoseNext = time.Now().Add(min(silentRest*time.Since(begun), retryMost))
		case what == "" && w.What != "": // a development chain that was begun anew may have nothing there
			if err := s.checkContract(ctx, s.m.chain, "the contract of feed "+feed, contract); err != nil {
				return err
			}
			w = asked{}
		default:
			w = asked{again: what != "", foreigner: foreigner{what, now}}
		}
		w.at = now
		s.turns.whose[feed] = w
	}
	if w.What != "" {
		l.Foreign[feed] = w.foreigner
		delete(l.Slots, feed)
	}
	return nil
}

// askWhose returns, for people, what the contract of a feed is instead; "" if it is that of the feed, or does not say. Every endpoint is asked before
// it is believed to be foreign. The error is that none answers.
func (s *Sink) askWhose(ctx context.Context, feed string, contract dodona.Address) (what string, err error) {
	var mine dodona.FeedID
	for _, f := range s.env.Feeds {
		if f.Name == feed {
			mine = f.ID()
		}
	}
	setting := "contract"
	if _, found := s.settings.Contracts[feed]; found {
		setting = "contracts: " + feed
	}
	for range s.client.Endpoints() {
		id, err := s.askWord(ctx, contract, "feed()")
		of := "is that of " + s.nameOf(id)
		if shown := dodona.Address(id[12:]); !id.IsZero() && [12]byte(id[:12]) == [12]byte{} { // an adapter answers with what it shows
			of = fmt.Sprintf("is an adapter, which only shows what %s holds: name that one", shown)
		}
		if err == nil && id.IsZero() {
			of = "takes anchors"
			id, err = s.askWord(ctx, contract, "period()")
		}
		if err != nil || id.IsZero() {
			return "", err
		}
		what = fmt.Sprintf("%s is named as the contract of feed %s, and it %s; answers wait: correct `%s` in the configuration (`dodona contract show %s` says what it is)", contract, feed, of, setting, contract)
		if id == mine {
			network, err := s.askNetwork(ctx, contract)
			if err != nil || !s.knowsAnotherNetwork(network) {
				return "", err
			}
			return fmt.Sprintf("%s; answers wait: name as `%s` one of this network (`dodona contract deploy feed`), or go back to the key and network.name of that one",
				s.wrongNetwork("the contract of feed "+feed, contract, network), setting), nil
		}
		s.client.Skip(errors.New(what))
	}
	return what, nil
}

// nameOf names the feed with an id, for people.
func (s *Sink) nameOf(id dodona.FeedID) string {
	for _, f := range s.env.Known() {
		if f.ID() == id {
			return "feed " + f.Name
		}
	}
	return fmt.Sprintf("a feed with id %s, which this node does not have (an id is that of a name, kind, unit, decimals and labels)", id)
}

// askWord calls a function of a contract that takes nothing and returns a word; zero if it has none.
func (s *Sink) askWord(ctx context.Context, contract dodona.Address, function string) (word dodona.Digest, err error) {
	selector := ethrpc.Selector(function)
	ret, err := s.client.CallContract(ctx, ethrpc.Message{To: &contract, Data: selector[:]}, ethrpc.Latest)
	var said *ethrpc.Error
	switch {
	case errors.As(err, &said) && said.Reverted():
		return word, nil
	case err != nil:
		return word, err
	case len(ret) == len(word):
		copy(word[:], ret)
	}
	return word, nil
}

// askPeriod returns the length of the windows that the contract of anchors takes, in milliseconds. It asks every endpoint before it believes
// that there is none.
func (s *Sink) askPeriod(ctx context.Context) (uint64, error) {
	anchor := s.settings.Anchor
	var none error
	for range s.client.Endpoints() {
		word, err := s.askWord(ctx, anchor, "period()")
		switch period := binary.BigEndian.Uint64(word[24:]); {
		case err != nil:
			return 0, fmt.Errorf("ask the contract of anchors %s for its period: %w", anchor, err)
		case period > 0:
			return period, nil
		}
		none = dodona.Permanent(fmt.Errorf("contract: the contract of anchors, %s, has no period; is it a DodonaAnchor (`dodona contract show %s`)", anchor, anchor))
		if id, err := s.askWord(ctx, anchor, "feed()"); err == nil && !id.IsZero() {
			none = dodona.Permanent(fmt.Errorf("contract: %s is named as the contract of anchors, and it is that of %s; all waits: correct `anchor` in the configuration", anchor, s.nameOf(id)))
		}
		s.client.Skip(none)
	}
	return 0, none
}

// foreign names the trouble that the contract of a feed is of something else; misfit, that the windows of anchors are none for their contract.
func foreign(feed string) string { return "contract " + feed }

const misfit = "period"

// tellForeign tells of the contracts that are not those of their feeds, and forgets what is known of their slots: what is to go there waits for a person.
func (m *machine) tellForeign(st *step) {
	m.foreign = st.view.Foreign
	for feed := range m.target {
		of, is := m.foreign[feed]
		m.say(st, foreign(feed), is, of.What)
		if !is {
			continue
		}
		m.say(st, refusedBy(&Payload{Feed: feed}), false, "")
		delete(m.slots, feed)
		delete(m.known, feed)
		delete(m.heard.loneSlots, feed)
		m.refuses[feed] = latest(m.refuses[feed], of.At)
	}
}

// isForeign reports whether the contract of a place is of something else.
func (m *machine) isForeign(place string) bool {
	_, is := m.foreign[place]
	return is
}

// tellMisfit tells that the node's windows are not on the grid of the contract of anchors: each is dropped.
func (m *machine) tellMisfit(st *step) {
	there := !m.anchor.IsZero() && st.view.Period > 0 && st.view.Every > 0 && uint64(st.view.Every.Milliseconds())%st.view.Period != 0
	period, every := unit.FormatDuration(time.Duration(min(st.view.Period, 1<<40))*time.Millisecond), unit.FormatDuration(st.view.Every)
	m.say(st, misfit, there, fmt.Sprintf("the contract of anchors %s takes windows of %s or a multiple, and this node anchors every %s: what does not fit is dropped; set anchor.every to a multiple of %s, or name as `anchor` a contract that fits (`dodona contract deploy anchor --period %s`)",
		m.anchor, period, every, period, every))
}
