package quorum

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Window is how many attested rounds of a feed are remembered: as many as the largest slice a journal yields,
// so that every observation of a slice that is done again is recognised.
const Window = 768

// A history is what is remembered of one feed: its latest attested rounds, ascending.
type history struct {
	rounds   []attested
	newest   string    // the ID of the newest data record that is known, whoever wrote it: what the next one comes after
	restored time.Time // when the newest restored data record was appended; zero if none was restored

	spoiled []dodona.Round // rounds under whose name the journal holds what is no answer of this quorum; the latest few
}

// maxSpoiled is how many of them are remembered of a feed. Only rounds that are open now can matter.
const maxSpoiled = 64

// spoil remembers that the name of a round is taken.
func (h *history) spoil(r dodona.Round) {
	if h.isSpoiled(r) {
		return
	}
	h.spoiled = append(h.spoiled, r)
	if excess := len(h.spoiled) - maxSpoiled; excess > 0 {
		h.spoiled = slices.Delete(h.spoiled, 0, excess)
	}
}

func (h *history) isSpoiled(r dodona.Round) bool { return h != nil && slices.Contains(h.spoiled, r) }

type attested struct {
	round    dodona.Round
	observed dodona.Digest
}

func (h *history) last() (dodona.Round, bool) {
	if h == nil || len(h.rounds) == 0 {
		return 0, false
	}
	return h.rounds[len(h.rounds)-1].round, true
}

// find returns what is remembered of a round.
func (h *history) find(r dodona.Round) (attested, bool) {
	if h == nil {
		return attested{}, false
	}
	i, found := h.place(r)
	if !found {
		return attested{}, false
	}
	return h.rounds[i], true
}

// place returns where a round is, or would be.
func (h *history) place(r dodona.Round) (i int, found bool) {
	return slices.BinarySearchFunc(h.rounds, r, func(a attested, r dodona.Round) int { return cmp.Compare(a.round, r) })
}

// insert remembers a, in order, and forgets the oldest beyond the window. Inserting twice changes nothing.
func (h *history) insert(a attested) {
	i, found := h.place(a.round)
	if found {
		return
	}
	h.rounds = slices.Insert(h.rounds, i, a)
	if excess := len(h.rounds) - Window; excess > 0 {
		h.rounds = slices.Delete(h.rounds, 0, excess)
	}
}

// Restore remembers what data records say is attested. After a restart give it the last one of each feed; more
// are welcome, in any order.
//
// Records of another network or quorum do not speak for this one and are passed over. A record that is no answer,
// or whose signature is not a member's, is an error that names it, and counted; the others are restored nevertheless. A round
// whose name such a record has is never attested, because the journal keeps one record of a name.
func (v *Validator) Restore(recs ...dodona.Record) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, rec := range recs {
		v.note(rec)
		believed, err := v.restore(rec)
		if round, named := rec.Round(); !believed && named && rec.Topic == dodona.TopicData {
			v.memoryOf(rec.Key).spoil(round)
		}
		if err != nil {
			v.recorder.Count(telemetry.QuorumUnreadable.Of(echo(rec.Key)), 1)
			errs = append(errs, fmt.Errorf("restore %s %s %s: %w", rec.Topic, echo(rec.Key), echo(rec.ID), err))
		}
	}
	return errors.Join(errs...)
}

// note remembers which data record of a feed is the newest, whether or not it is believed.
func (v *Validator) note(rec dodona.Record) {
	if rec.Topic != dodona.TopicData {
		return
	}
	h := v.memoryOf(rec.Key)
	known, _ := dodona.Record{ID: h.newest}.Round()
	if round, _ := rec.Round(); h.newest == "" || round > known {
		h.newest = rec.ID
	}
}

func (v *Validator) restore(rec dodona.Record) (believed bool, err error) {
	if rec.Topic != dodona.TopicData {
		return false, errors.New("not a data record")
	}
	if len(rec.Body) > maxAnswer {
		return false, fmt.Errorf("%d bytes are more than an answer has", len(rec.Body))
	}
	var a dodona.Answer
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		return false, fmt.Errorf("read answer: %w", err)
	}
	if a.Network.ID() != v.networkID || a.Quorum.Digest() != v.quorum.Digest() {
		return false, nil
	}
	report := a.Attestation.Report
	if a.Feed.ID() != report.Feed || a.Feed.Name != rec.Key {
		return false, errors.New("the answer is of another feed than the record's key")
	}
	if err := v.scheme.Verify(v.quorum, report.Digest(v.networkID), a.Attestation.Signatures); err != nil {
		return false, err
	}
	h := v.memoryOf(rec.Key)
	h.insert(attested{report.Round, a.Attestation.Observed})
	if rec.Appended.After(h.restored) {
		h.restored = rec.Appended
	}
	return true, nil
}

func (v *Validator) memoryOf(feed string) *history {
	h := v.memory[feed]
	if h == nil {
		h = &history{}
		v.memory[feed] = h
	}
	return h
}

func (v *Validator) isMember(a dodona.Address) bool { return slices.Contains(v.quorum.Members, a) }
