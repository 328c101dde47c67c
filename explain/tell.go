package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/verify"
)

// A teller writes a story from the records of its round, from the attestation backwards.
type teller struct {
	Story
	ledger   dodona.Ledger
	decoders program.Decoders
	points   []PointSink

	network *dodona.Network // from the answer, or else from the feed's last one
	answer  *dodona.Answer
	signed  *dodona.Observation
	bundle  *dodona.Bundle
}

func (t *teller) gone(format string, args ...any) {
	t.Gone = append(t.Gone, fmt.Sprintf(format, args...))
}

func (t *teller) broken(format string, args ...any) {
	t.Broken = append(t.Broken, fmt.Sprintf(format, args...))
}

func (t *teller) tell(ctx context.Context, sinks []string) error {
	data, err := records(ctx, t.ledger, dodona.TopicData, t.Feed, t.Round)
	if err != nil {
		return err
	}
	observations, err := records(ctx, t.ledger, dodona.TopicObservation, t.Feed, t.Round)
	if err != nil {
		return err
	}
	rounds, err := records(ctx, t.ledger, dodona.TopicRound, t.Feed, t.Round)
	if err != nil {
		return err
	}
	if len(data)+len(observations)+len(rounds) == 0 {
		return notFound(ctx, t.ledger, t.Feed, t.Round)
	}
	t.attestation(data)
	if err := t.observation(ctx, observations); err != nil {
		return err
	}
	if err := t.computation(ctx, rounds); err != nil {
		return err
	}
	if err := t.rejections(ctx, observations); err != nil {
		return err
	}
	if err := t.events(ctx, rounds, observations); err != nil {
		return err
	}
	t.conclude()
	if err := t.newer(ctx); err != nil {
		return err
	}
	if err := t.delivered(ctx, data, sinks); err != nil {
		return err
	}
	if err := t.pending(ctx, data, sinks); err != nil {
		return err
	}
	return t.anchored(ctx, data)
}

// attestation reads the answer that stands.
func (t *teller) attestation(data []dodona.Record) {
	if len(data) == 0 {
		return
	}
	rec := data[0]
	var a dodona.Answer
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		t.broken("the data record is no answer: %v", err)
		return
	}
	verdict := verify.Answer(rec.Body, verify.Expect{})
	if !verdict.Valid {
		t.broken("the attestation does not verify: %s: %s", verdict.Reason, verdict.Message)
	}
	report := a.Attestation.Report
	if a.Feed.Name != t.Feed || report.Round != t.Round {
		t.broken("the data record holds round %d of %s", uint64(report.Round), printable(a.Feed.Name))
	}
	t.answer, t.network = &a, &a.Network
	t.Identity, t.Value = &a.Feed, &report.Value
	t.Attestation = &Attestation{
		Verdict: verdict, Network: a.Network, K: a.Quorum.K, N: len(a.Quorum.Members),
		Observed: a.Attestation.Observed, Appended: rec.Appended,
	}
}

// observation reads what the node signed: the observation that the attestation names, where there are several.
func (t *teller) observation(ctx context.Context, recs []dodona.Record) error {
	if err := t.findNetwork(ctx); err != nil {
		return err
	}
	if len(recs) == 0 {
		if t.answer != nil {
			t.gone("the observation: the journal no longer keeps it")
		}
		return nil
	}
	var chosen *dodona.Record
	for i, rec := range recs {
		var o dodona.Observation
		if err := json.Unmarshal(rec.Body, &o); err != nil {
			t.broken("the observation record of node %s is no observation: %v", printable(rec.Node), err)
			continue
		}
		named := t.answer != nil && dodona.Observed(t.network.ID(), o) == t.answer.Attestation.Observed
		if chosen == nil || named {
			chosen, t.signed = &recs[i], &o
		}
		if named {
			break
		}
	}
	if chosen == nil {
		return nil
	}
	o := t.signed
	told := &Observation{Node: chosen.Node, Signer: o.Signer, Origin: o.Origin, Program: o.Origin.Program(), Appended: chosen.Appended}
	if t.network != nil {
		told.Digest = o.Digest(t.network.ID())
		signer, err := secp.Recover(told.Digest, o.Signature)
		verified := err == nil && signer == o.Signer
		told.Verified = &verified
		if !verified {
			t.broken("the observation is not signed by %s", o.Signer)
		}
	}
	t.Observation = told
	if t.answer == nil {
		t.Value = &o.Value
		return nil
	}
	if got := dodona.Observed(t.network.ID(), *o); got != t.answer.Attestation.Observed {
		t.broken("the attestation came from observations %s, but the one kept makes %s", t.answer.Attestation.Observed, got)
	}
	return nil
}

// findNetwork takes the network from the feed's last answer if this round has none, so that its observation can be
// checked nevertheless.
func (t *teller) findNetwork(ctx context.Context) error {
	if t.network != nil {
		return nil
	}
	rec, err := t.ledger.Last(ctx, dodona.TopicData, t.Feed)
	if errors.Is(err, dodona.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the last answer of %s: %w", t.Feed, err)
	}
	var a dodona.Answer
	if verify.Answer(rec.Body, verify.Expect{}).Valid && json.Unmarshal(rec.Body, &a) == nil {
		t.network = &a.Network
	}
	return nil
}

// computation reads the round itself: inputs, value or why there is none.
func (t *teller) computation(ctx context.Context, recs []dodona.Record) error {
	if len(recs) == 0 {
		t.gone("inputs and rules: the round's own record is no longer kept")
		return nil
	}
	var b dodona.Bundle
	if err := json.Unmarshal(recs[0].Body, &b); err != nil {
		t.broken("the round record is no bundle: %v", err)
		return nil
	}
	t.bundle = &b
	if t.Identity == nil {
		t.Identity = &b.Feed
	}
	if t.Value == nil {
		t.Value = b.Value
	}
	t.Quality, t.Missed, t.Node, t.TookMS = &b.Quality, b.Missed, recs[0].Node, &b.TookMS
	if t.Node == "" {
		t.Node = b.Node
	}
	t.Module = moduleIn(b)
	t.checkComputation()
	return t.inputs(ctx, b)
}

// moduleIn names the module that a bundle's rules name; nil if they name none.
func moduleIn(b dodona.Bundle) *Module {
	doc, err := feed.ParseDocument(b.Rules)
	if err != nil {
		return nil // replay says what is wrong with them
	}
	rules, found, err := module.ParseRules(compact(doc.Extraction))
	if err != nil || !found {
		return nil
	}
	return &Module{Module: rules.Module, Ran: !b.Origin.Version.IsZero(), Fuel: b.Fuel, Told: len(b.Transcript)}
}

// checkComputation compares what was computed with what was signed.
func (t *teller) checkComputation() {
	b := t.bundle
	if got := dodona.Keccak256(b.Rules); b.Value != nil && got != b.Origin.Rules {
		t.broken("the rules kept have the digest %s, the round was computed by %s", got, b.Origin.Rules)
	}
	if t.signed == nil {
		return
	}
	if t.signed.Origin != b.Origin {
		t.broken("the observation's origin %s is not that of the round kept, %s", t.signed.Origin.Digest(), b.Origin.Digest())
	}
	if b.Value == nil || *b.Value != t.signed.Value {
		t.broken("the observation says %s, the round kept %s", t.signed.Value, valueText(b.Value))
	}
}

func valueText(v *dodona.Int192) string {
	if v == nil {
		return "nothing"
	}
	return v.String()
}

// inputs tells what each source gave, with the readings that are still kept.
func (t *teller) inputs(ctx context.Context, b dodona.Bundle) error {
	found, err := readings(ctx, t.ledger, b.Inputs)
	if err != nil {
		return err
	}
	said := feed.Said(&b)
	for _, in := range b.Inputs {
		told := Input{Input: in}
		if i := slices.IndexFunc(said, func(p dodona.Point) bool { return p.ID == in.Point }); i >= 0 {
			told.Unit, told.Quality = said[i].Unit, &said[i].Quality
		}
		lost := 0
		for _, ref := range in.Readings {
			r := Reading{ReadingRef: ref}
			if k, ok := found[ref.Digest]; ok {
				r.Kept, r.Exchange, r.ContentType, r.Excerpt = true, k.record.ID, k.reading.ContentType, excerpt(k.reading.Body)
			} else {
				lost++
			}
			told.Readings = append(told.Readings, r)
		}
		if lost > 0 {
			t.gone("%d of %d readings of %s: the journal no longer keeps their bytes", lost, len(in.Readings), in.Point)
		}
		t.Inputs = append(t.Inputs, told)
	}
	t.given(ctx, b, found)
	return t.published(ctx, found)
}

// rejections tells why an observation without an attestation has none.
func (t *teller) rejections(ctx context.Context, observations []dodona.Record) error {
	if t.answer != nil || len(observations) == 0 {
		return nil
	}
	since := observations[0].Appended
	scanned := 0
	for rec, err := range t.ledger.Scan(ctx, dodona.TopicEvent, dodona.EventRejected, func(r dodona.Record) bool { return r.Appended.Before(since) }) {
		if errors.Is(err, dodona.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for rejections: %w", err)
		}
		if scanned++; scanned > maxEvents || rec.Appended.After(since.Add(eventWindow)) {
			return nil
		}
		var r Rejection
		if json.Unmarshal(rec.Body, &r) == nil && r.Feed == t.Feed && r.Round == t.Round {
			t.Rejections = append(t.Rejections, r)
		}
	}
	return nil
}

// conclude names the state, which follows from what was found.
func (t *teller) conclude() {
	switch {
	case t.answer != nil:
		t.State = StateAttested
	case t.signed != nil && len(t.Rejections) > 0:
		t.State = StateRejected
	case t.signed != nil:
		t.State = StateObserved
	case t.Value != nil:
		t.State = StateComputed
	default:
		t.State = StateMissed
	}
	if t.Value != nil && t.Identity != nil {
		t.Answer = t.Identity.Format(*t.Value)
	}
}

const maxExcerpt = 512 // bytes of a body shown in a story

// excerpt returns the start of a body if that is text.
func excerpt(body []byte) string {
	cut := body
	for len(cut) > maxExcerpt {
		cut = cut[:maxExcerpt]
	}
	for len(cut) > 0 && len(cut) < len(body) && !utf8.Valid(cut) && len(cut) > maxExcerpt-utf8.UTFMax {
		cut = cut[:len(cut)-1]
	}
	if !utf8.Valid(cut) {
		return ""
	}
	if len(cut) < len(body) {
		return string(cut) + "…"
	}
	return string(cut)
}
