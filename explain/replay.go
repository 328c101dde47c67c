package explain

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/program"
)

// The steps of a replay, in order. A bundle that was tampered with differs first where it was.
const (
	StepRules       = "rules"         // the rules have the digest that the origin names
	StepFeed        = "feed"          // and are those of the bundle's feed
	StepReadings    = "readings"      // the bundle carries just the readings that its inputs name
	StepRoot        = "readings root" // which with their salts have the root that the origin names
	StepVersion     = "version"       // the transform is the one that the origin names
	StepPoints      = "points"        // and makes the same points of the readings
	StepInputs      = "inputs"        // which are judged the same
	StepValue       = "value"         // and give the same value, or the same reason why there is none
	StepOrigin      = "origin"        // from the same origin
	StepObservation = "observation"   // so the same digest is to be signed
	StepSigner      = "signer"        // and the signer that the observation names signed it
)

// A Replayed is the outcome of computing a bundle again.
type Replayed struct {
	Same   bool         `json:"same"` // every step is
	Feed   string       `json:"feed"`
	Round  dodona.Round `json:"round"`
	Answer string       `json:"answer,omitempty"` // as computed here, for people
	Missed string       `json:"missed,omitempty"` // as computed here: why there is no answer
	Steps  []Step       `json:"steps"`
	// Signer is who signed the observation as computed here; nil if nothing is signed.
	// Whether it may speak for the feed is for `dodona verify` to say, not for a bundle.
	Signer *dodona.Address `json:"signer,omitempty"`
	// Unbound says what the bundle carries that nothing signed binds, and that is not computed again: it may be anything.
	Unbound []string `json:"unbound,omitempty"`
	// Before says that a build from before the rules of this one may have made the bundle, and how to tell. Same is false.
	Before string `json:"before,omitempty"`
}

// A Step is one comparison.
type Step struct {
	Name   string `json:"name"`
	Same   bool   `json:"same"`
	Got    string `json:"got"`              // as computed here
	Want   string `json:"want"`             // as the bundle says
	Detail string `json:"detail,omitempty"` // where they differ, for people
}

// Differs returns the first step that differs, and whether there is one.
func (r Replayed) Differs() (Step, bool) {
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return !s.Same })
	if i < 0 {
		return Step{}, false
	}
	return r.Steps[i], true
}

// Replay computes the round of an exported bundle again: extraction, module, evaluation, origin, and the digest that was
// signed. It needs nothing but the bundle, a sandbox if a module made the points (open is called for those alone), and the
// decoders of kinds that make points of their readings themselves; no device, and no settings.
// Whatever the bundle says is compared, never believed; what differs is told by step, and the steps after it go on from
// what was computed here. Its error is that of ctx, or says what this machine lacks to run the module, or which decoder this
// build lacks ([program.ErrNoDecoder]): then nothing is known about the bundle.
func Replay(ctx context.Context, b dodona.Bundle, open Sandbox, decoders program.Decoders) (Replayed, error) {
	p := replay{bundle: b, open: open, decoders: decoders, Replayed: Replayed{Feed: b.Feed.Name, Round: b.Round, Unbound: unbound(b)}}
	err := p.run(ctx)
	_, differs := p.Differs()
	p.Same = !differs
	return p.Replayed, err
}

// unbound says what of a bundle a replay passes over.
func unbound(b dodona.Bundle) []string {
	if b.Shadow == nil {
		return nil
	}
	return []string{fmt.Sprintf("what a shadow made beside the answer, %s", unit.Count(len(b.Shadow.Points), "point"))}
}

type replay struct {
	Replayed
	bundle   dodona.Bundle
	open     Sandbox
	decoders program.Decoders
	guest    *guest           // nil: no module makes the points
	before   dodona.Transform // makes the points as releases did before a value without a pointer had to be certain; nil: a module makes them
}

// compare notes a step; two texts that are equal are the same.
func (p *replay) compare(name, got, want, detail string) {
	s := Step{Name: name, Same: got == want, Got: cut(got), Want: cut(want)}
	if !s.Same {
		s.Detail = detail
	}
	p.Steps = append(p.Steps, s)
}

// fail notes a step that could not be done.
func (p *replay) fail(name, got, want string, err error) {
	p.Steps = append(p.Steps, Step{Name: name, Got: cut(got), Want: cut(want), Detail: printable(err.Error())})
}

func (p *replay) run(ctx context.Context) error {
	if text, err := canonical(p.bundle.Rules); err == nil {
		p.bundle.Rules = text
	}
	b := p.bundle
	doc, err := feed.ParseDocument(b.Rules)
	if err != nil {
		p.fail(StepRules, dodona.Keccak256(compact(b.Rules)).String(), b.Origin.Rules.String(), err)
		return nil
	}
	// The digest of the text in canonical form: blanks that a printer put in change nothing, a key that is changed or away does.
	p.compare(StepRules, dodona.Keccak256(b.Rules).String(), b.Origin.Rules.String(), "the rules are not those that computed the round")
	p.compare(StepFeed, doc.Feed.ID().String(), b.Feed.ID().String(), fmt.Sprintf("the rules are of feed %q", printable(doc.Feed.Name)))
	if p.notAsked() {
		return nil
	}
	transform, end, err := p.transform(ctx, doc)
	if here := (hereError{}); errors.As(err, &here) || ctx.Err() != nil {
		return p.here(errors.Join(ctx.Err(), err))
	}
	if err != nil {
		p.fail(StepVersion, "", b.Origin.Version.String(), err)
		return nil
	}
	defer end()
	if transform == nil {
		return nil
	}
	again := p.compute(ctx, doc, transform)
	if ctx.Err() != nil {
		return p.here(ctx.Err())
	}
	if p.guest != nil && p.guest.here != nil {
		return p.here(p.guest.here)
	}
	p.against(again)
	p.lookBefore(ctx, doc)
	return nil
}

// compute computes the round of the bundle.
func (p *replay) compute(ctx context.Context, doc feed.Document, t dodona.Transform) dodona.Bundle {
	b := p.bundle
	return feed.Compute(ctx, doc, t, feed.Material{
		Round: b.Round, Node: b.Node, Readings: b.Readings, Absent: feed.Absences(b.Inputs), Salt: p.salt(),
	})
}

// against compares the bundle with the round as it was computed again.
func (p *replay) against(again dodona.Bundle) {
	b := p.bundle
	p.readings()
	p.compare(StepRoot, again.Origin.ReadingsRoot.String(), b.Origin.ReadingsRoot.String(), "a reading or a salt was changed, added or taken away")
	p.compare(StepVersion, again.Origin.Version.String(), b.Origin.Version.String(), "this build makes points by other rules, or by another module, than the node did")
	p.points(again)
	p.inputs(again)
	p.outcome(again)
	p.compare(StepOrigin, again.Origin.Digest().String(), b.Origin.Digest().String(), "the origin follows from rules, version and readings root")
	p.observation(again)
}

// here returns the error of a replay that this machine could not finish. It is no difference.
func (p *replay) here(err error) error {
	return fmt.Errorf("replay round %d of %s: %w", uint64(p.bundle.Round), printable(p.bundle.Feed.Name), err)
}

// notAsked notes a round that passed without anybody being asked: there is nothing to compute.
func (p *replay) notAsked() bool {
	b := p.bundle
	passed := b.Value == nil && b.Observation == nil && len(b.Readings)+len(b.Points) == 0 &&
		b.Missed != "" && b.Origin.Version.IsZero() && b.Origin.ReadingsRoot.IsZero()
	if passed {
		p.Missed = b.Missed
		p.compare(StepValue, "missed: nobody was asked", "missed: nobody was asked", "")
	}
	return passed
}

// salt returns the salts that the bundle discloses, in the order of the sorted readings.
func (p *replay) salt() func(int) dodona.Digest {
	disclosed := map[dodona.Digest]dodona.Digest{}
	for _, in := range p.bundle.Inputs {
		for _, ref := range in.Readings {
			if ref.Salt != nil {
				disclosed[ref.Digest] = *ref.Salt
			}
		}
	}
	sorted := slices.Clone(p.bundle.Readings)
	dodona.SortReadings(sorted)
	var salts []dodona.Digest
	seen := map[dodona.Digest]bool{}
	for _, r := range sorted {
		if d := r.Digest(); !seen[d] {
			seen[d] = true
			salts = append(salts, disclosed[d])
		}
	}
	if s := p.bundle.TranscriptSalt; s != nil {
		salts = append(salts, *s)
	}
	return func(i int) dodona.Digest {
		if i >= len(salts) { // a transcript whose salt was taken away
			return dodona.Digest{}
		}
		return salts[i]
	}
}

// A namedReading is a reading that an input names.
type namedReading struct {
	dodona.ReadingRef
	source string
}

// readings compares the readings that the bundle carries with those that its inputs name.
func (p *replay) readings() {
	named, detail := p.named()
	carried := map[dodona.Digest]bool{}
	for _, r := range p.bundle.Readings {
		d := r.Digest()
		detail = cmp.Or(detail, besides(r, d, named, carried))
		carried[d] = true
	}
	for _, in := range p.bundle.Inputs {
		for _, ref := range in.Readings {
			if !carried[ref.Digest] {
				detail = cmp.Or(detail, fmt.Sprintf("the reading %s of %s is missing", ref.Digest.Short(), printable(in.Source)))
			}
		}
	}
	s := Step{Name: StepReadings, Same: detail == "", Got: unit.Count(len(carried), "reading"), Want: unit.Count(len(named), "reading"), Detail: detail}
	p.Steps = append(p.Steps, s)
}

// named returns what the inputs name, and what of it they name in two ways.
func (p *replay) named() (named map[dodona.Digest]namedReading, detail string) {
	named = map[dodona.Digest]namedReading{}
	for _, in := range p.bundle.Inputs {
		for _, ref := range in.Readings {
			n := namedReading{ref, in.Source}
			if before, again := named[ref.Digest]; again && !before.like(n) {
				detail = cmp.Or(detail, fmt.Sprintf("the reading %s of %s is named twice, and not alike", ref.Digest.Short(), printable(in.Source)))
			}
			named[ref.Digest] = n
		}
	}
	return named, detail
}

// like reports whether two inputs name a reading alike.
func (n namedReading) like(other namedReading) bool {
	salts := n.Salt == nil && other.Salt == nil || n.Salt != nil && other.Salt != nil && *n.Salt == *other.Salt
	return salts && n.source == other.source && n.Item == other.Item && n.Received.Equal(other.Received) && n.Size == other.Size && n.Detail == other.Detail
}

// besides says what is wrong about one reading that the bundle carries beside those before it; empty if nothing is.
func besides(r dodona.Reading, d dodona.Digest, named map[dodona.Digest]namedReading, carried map[dodona.Digest]bool) string {
	n, known := named[d]
	own := namedReading{dodona.ReadingRef{Item: r.Item, Received: r.Received, Size: len(r.Body), Detail: r.Detail, Salt: n.Salt}, r.Source}
	switch {
	case !known:
		return fmt.Sprintf("the reading %s of %s is named by no input: its bytes, time or place were changed, or it was added", d.Short(), printable(r.Source))
	case carried[d]:
		return fmt.Sprintf("the reading %s of %s stands twice", d.Short(), printable(r.Source))
	case !n.like(own):
		return fmt.Sprintf("the input that names the reading %s of %s says another source, item, time, size or detail of it", d.Short(), printable(r.Source))
	}
	return ""
}

// points compares what the transform made of the readings.
func (p *replay) points(again dodona.Bundle) {
	got, want := again.Points, p.bundle.Points
	detail := ""
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = pointText(got[i])
		}
		if i < len(want) {
			w = pointText(want[i])
		}
		if g != w {
			detail = fmt.Sprintf("point %d is here %s, in the bundle %s", i+1, printable(cmp.Or(g, "missing")), printable(cmp.Or(w, "missing")))
			break
		}
	}
	same := detail == "" && again.Fuel == p.bundle.Fuel && bytes.Equal(again.Transcript, p.bundle.Transcript)
	if !same && detail == "" {
		detail = fmt.Sprintf("fuel %d or the transcript of %d bytes differ from the bundle's, %d and %d bytes", again.Fuel, len(again.Transcript), p.bundle.Fuel, len(p.bundle.Transcript))
	}
	p.Steps = append(p.Steps, Step{
		Name: StepPoints, Same: same, Detail: detail,
		Got: pointsDigest(got), Want: pointsDigest(want),
	})
}

func pointText(p dodona.Point) string {
	s := fmt.Sprintf("%s = %s %s (%s, %s)", p.ID, p.Value, p.Unit, p.Quality, instant(p.Time))
	if p.Reason != "" {
		s += ": " + p.Reason
	}
	return s
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func pointsDigest(points []dodona.Point) string {
	raw, err := json.Marshal(normal(points))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d, %s", len(points), dodona.Keccak256(raw).Short())
}

// normal returns points as a reader of JSON sees them: times in UTC.
func normal(points []dodona.Point) []dodona.Point {
	list := slices.Clone(points)
	for i := range list {
		list[i].Time = list[i].Time.UTC()
	}
	return list
}

// inputs compares what became of each source's value.
func (p *replay) inputs(again dodona.Bundle) {
	got, want := inputTexts(again.Inputs), inputTexts(p.bundle.Inputs)
	detail := ""
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if !sameWords(g, w) {
			detail = fmt.Sprintf("here %s, in the bundle %s", printable(cmp.Or(g, "missing")), printable(cmp.Or(w, "missing")))
			break
		}
	}
	for i := range min(len(again.Inputs), len(p.bundle.Inputs)) {
		if here, there := again.Inputs[i].Source, p.bundle.Inputs[i].Source; here != there && detail == "" {
			detail = fmt.Sprintf("%s is here of the source %s, in the bundle of %s", printable(again.Inputs[i].Point), printable(here), printable(there))
		}
	}
	p.Steps = append(p.Steps, Step{
		Name: StepInputs, Same: detail == "", Detail: detail,
		Got: summary(again.Inputs), Want: summary(p.bundle.Inputs),
	})
}

func inputTexts(inputs []dodona.Input) []string {
	texts := make([]string, len(inputs))
	for i, in := range inputs {
		said := "nothing"
		if in.Value != nil {
			said = in.Value.String()
		}
		texts[i] = fmt.Sprintf("%s said %s at %s: %s", in.Point, said, instant(in.Time), joined(string(in.Status), in.Reason))
	}
	return texts
}

// summary counts inputs: "2 of 3 used".
func summary(inputs []dodona.Input) string {
	used := 0
	for _, in := range inputs {
		if in.Status == dodona.InputUsed {
			used++
		}
	}
	return fmt.Sprintf("%d of %d used", used, len(inputs))
}

// outcome compares the value, or why there is none, and its quality.
func (p *replay) outcome(again dodona.Bundle) {
	text := func(b dodona.Bundle) string {
		if b.Value == nil {
			return "missed: " + b.Missed
		}
		return fmt.Sprintf("%s (%s)", p.bundle.Feed.Format(*b.Value), b.Quality)
	}
	if again.Value != nil {
		p.Answer = again.Feed.Format(*again.Value)
	}
	p.Missed = again.Missed
	got, want := text(again), text(p.bundle)
	if again.Value == nil && p.bundle.Value == nil && sameWords(got, want) {
		got = want
	}
	p.compare(StepValue, got, want, "the inputs give another value")
}

// observation compares what was signed with what is to be signed by what was computed here.
func (p *replay) observation(again dodona.Bundle) {
	o, network := p.bundle.Observation, p.bundle.Network
	switch {
	case again.Value == nil && o == nil:
		return // a missed round has nothing to sign
	case o == nil:
		p.Steps = append(p.Steps, Step{Name: StepObservation, Detail: "the bundle carries no observation: nobody signed this round, or the signature was taken away"})
		return
	case again.Value == nil:
		p.Steps = append(p.Steps, Step{Name: StepObservation, Want: o.Value.String(), Detail: "an observation was signed, but there is no value to observe"})
		return
	case network == nil:
		p.Steps = append(p.Steps, Step{Name: StepObservation, Detail: "the bundle names no network, so its signature cannot be checked"})
		return
	}
	id := network.ID()
	computed := dodona.Observation{Feed: again.Feed.ID(), Name: again.Feed.Name, Round: again.Round, Value: *again.Value, Origin: again.Origin}
	digest := computed.Digest(id)
	detail := "the signed observation is of another feed, round, value or origin"
	if o.Value != computed.Value {
		detail = fmt.Sprintf("the signed value is %s, computed here is %s", o.Value, computed.Value)
	}
	p.compare(StepObservation, digest.String(), o.Digest(id).String(), detail)
	signer, err := secp.Recover(digest, o.Signature)
	if err != nil {
		p.fail(StepSigner, "", o.Signer.String(), err)
		return
	}
	p.compare(StepSigner, signer.String(), o.Signer.String(), "another key signed it, or the key signed something else, or another network is named")
	if signer == o.Signer {
		p.Signer = &signer
	}
}

const maxCompared = 256 // bytes of each side of a comparison

func cut(s string) string { return plain.Cut(s, maxCompared) }

// String writes the outcome for people: one line for each step, with both sides where they differ.
func (r Replayed) String() string {
	var b strings.Builder
	verdict := "the same"
	if s, differs := r.Differs(); differs {
		verdict = "DIFFERENT from " + s.Name + " on"
	}
	what := printable(r.Answer)
	if what == "" {
		what = "no answer"
	}
	if r.Missed != "" {
		what = "missed: " + printable(r.Missed)
	}
	fmt.Fprintf(&b, "%s round %d (%s): %s: %s\n", printable(r.Feed), uint64(r.Round), r.Round, verdict, what)
	for _, s := range r.Steps {
		if s.Same {
			fmt.Fprintf(&b, "  ✓ %s %s\n", pad(s.Name, 13), printable(s.Got))
			continue
		}
		fmt.Fprintf(&b, "  ✗ %s %s\n", pad(s.Name, 13), cmp.Or(s.Detail, "differs"))
		if s.Got != "" || s.Want != "" {
			fmt.Fprintf(&b, "    %s computed %s\n    %s bundle   %s\n", pad("", 13), printable(cmp.Or(s.Got, "nothing")), pad("", 13), printable(cmp.Or(s.Want, "nothing")))
		}
	}
	if r.Before != "" {
		fmt.Fprintf(&b, "  · %s\n", r.Before)
	}
	for _, what := range r.Unbound {
		fmt.Fprintf(&b, "  · not computed again, and bound by nothing that was signed: %s\n", printable(what))
	}
	return b.String()
}
