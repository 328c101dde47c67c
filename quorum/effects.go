package quorum

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// Effects is what a step wants done, in this order: sign the claims, append the records, commit.
type Effects struct {
	Claims []dodona.Claim // to sign: one a feed, in the order of the observations

	network  dodona.Network
	quorum   dodona.Quorum
	scheme   dodona.Scheme
	items    []item              // what was to be decided
	refused  map[int]refusal     // why the signer refused claims, as far as that is known
	outcomes []outcome           // of those attested or rejected, in order
	claimed  map[string]attested // by feed
	repeated []string            // feeds of the repeated observations
	rest     []item              // left to the next step
	ignored  int
	lag      time.Duration
}

// A refusal is the signer's last word on a claim.
type refusal struct {
	claim   dodona.Claim
	err     error
	doubted bool // see Means
}

// An outcome is the fate of one observation that is not a repeat. It is attested if the reason in its finding is empty.
type outcome struct {
	record  dodona.Record
	finding finding

	// Of one that is believed.
	report   dodona.Report
	observed dodona.Digest
	claim    int    // which of the claims is its own, counted from 1; 0 if it has none
	after    string // with a claim: the ID of the feed's newest data record
}

// Counts says what became of observations: Observations = Attested + Repeated + Rejected. Those left to the next
// step are counted there.
type Counts struct {
	Observations int
	Attested     int
	Repeated     int // seen before, with the same digest; nothing to do
	Rejected     int
	Ignored      int // records that are no observations
}

// Plus returns the sum of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		c.Observations + d.Observations, c.Attested + d.Attested, c.Repeated + d.Repeated,
		c.Rejected + d.Rejected, c.Ignored + d.Ignored,
	}
}

// String says in a line what was decided.
func (c Counts) String() string {
	return fmt.Sprintf("%d observations: %d attested, %d repeated, %d rejected; %d other records",
		c.Observations, c.Attested, c.Repeated, c.Rejected, c.Ignored)
}

// Counts returns what this step decided. A claim that the signer refused moves from Attested to Rejected when
// Records learns of it.
func (e *Effects) Counts() Counts {
	c := Counts{Observations: len(e.items) - len(e.rest), Repeated: len(e.repeated), Ignored: e.ignored}
	for _, o := range e.outcomes {
		if o.finding.reason == "" {
			c.Attested++
		} else {
			c.Rejected++
		}
	}
	return c
}

// Rejections returns what was rejected, in order.
func (e *Effects) Rejections() []Rejection {
	var list []Rejection
	for _, o := range e.outcomes {
		if o.finding.reason != "" {
			list = append(list, newRejection(o.record, o.finding))
		}
	}
	return list
}

// Records returns what to append, in the order of the observations: a data record for each attestation, an event
// record for each rejection. Signatures are those of each of Claims, in their order: as many as the quorum wants. An empty
// list says that the signer refused for good, as with [dodona.ErrConflict], and its observation is rejected.
//
// It fails if the number of signatures is wrong, or if they are not members': a bug or a wrong key, to be told
// to the operator, with nothing appended.
func (e *Effects) Records(signatures [][]dodona.Signature) ([]dodona.Record, error) {
	if len(signatures) != len(e.Claims) {
		return nil, fmt.Errorf("assemble attestations: %d signatures for %d claims", len(signatures), len(e.Claims))
	}
	if err := e.checkSigned(signatures); err != nil {
		return nil, err
	}
	recs := make([]dodona.Record, 0, len(e.outcomes))
	for i := range e.outcomes {
		rec, err := e.outcomeRecord(&e.outcomes[i], signatures)
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

func (e *Effects) outcomeRecord(o *outcome, signatures [][]dodona.Signature) (dodona.Record, error) {
	if o.claim == 0 {
		return newRejection(o.record, o.finding).record()
	}
	index := o.claim - 1
	if list := signatures[index]; len(list) > 0 {
		o.finding.reason = ""
		return e.attestation(*o, list)
	}
	switch r := e.refused[index]; {
	case r.doubted:
		o.finding.refuse(ReasonUnsigned, "the signer refused: %v", r.err)
	case r.err != nil:
		o.finding.refuse(ReasonConflict, "the signer refused: %v", r.err)
	default:
		o.finding.refuse(ReasonConflict, "the signer refused: it has signed another answer of round %d, or a later round", uint64(o.report.Round))
	}
	return newRejection(o.record, o.finding).record()
}

// checkSigned returns why the signatures are not those of attestations.
func (e *Effects) checkSigned(signatures [][]dodona.Signature) error {
	for i, list := range signatures {
		if len(list) == 0 {
			continue
		}
		err := e.scheme.Verify(e.quorum, e.Claims[i].Digest, list)
		if other := (*dodona.SignerError)(nil); errors.As(err, &other) {
			return fmt.Errorf("assemble attestations: this node signs as %s, but the quorum's member is %s: use the member's key, or leave out the validate role",
				other.Signer, strings.Trim(fmt.Sprint(e.quorum.Members), "[]"))
		}
		if err != nil {
			return fmt.Errorf("assemble attestations: %w", err)
		}
	}
	return nil
}

func (e *Effects) attestation(o outcome, signatures []dodona.Signature) (dodona.Record, error) {
	answer := dodona.Answer{
		Network: e.network, Quorum: e.quorum, Feed: o.finding.feed,
		Attestation: dodona.Attestation{Report: o.report, Observed: o.observed, Signatures: signatures},
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write answer: %w", err)
	}
	return dodona.Record{
		Topic: dodona.TopicData, Key: o.finding.feed.Name,
		ID: o.report.Round.ID(), Body: body, After: o.after,
	}, nil
}
