package evm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/calldata/signed"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// payload returns what a record asks to be sent.
func (s *Sink) payload(rec dodona.Record) (Payload, error) {
	switch rec.Topic {
	case dodona.TopicData:
		return s.update(rec)
	case dodona.TopicAnchor:
		return s.post(rec)
	}
	return Payload{}, fmt.Errorf("%s records are not sent to contracts", rec.Topic)
}

// ring is how many anchors a contract holds.
const ring = 4096

// post returns what the anchors' contract takes. An anchor's slot is (to / period) mod 4096.
func (s *Sink) post(rec dodona.Record) (Payload, error) {
	if s.settings.Anchor.IsZero() {
		return Payload{}, errors.New("no contract is named for anchors: set evm.anchor, or take anchors out of the sink")
	}
	var a dodona.Anchored
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		return Payload{}, fmt.Errorf("read anchor: %w", err)
	}
	if why := s.stranger(&Payload{Topic: rec.Topic, Network: a.Network.ID()}); why != "" {
		return Payload{}, errors.New(why)
	}
	data, err := signed.Post(a, s.period)
	if err != nil {
		return Payload{}, err
	}
	p := Payload{
		Topic: rec.Topic, Feed: rec.Key, Record: rec.ID, Round: a.Anchor.To, Data: data, Attested: rec.Appended, Network: a.Network.ID(),
	}
	binary.BigEndian.PutUint64(p.Slot[24:], uint64(a.Anchor.To)/s.period%ring)
	return p, nil
}

// anchorSlot reads what a DodonaAnchor stores: to uint64 ‖ the first 192 bits of the root.
func anchorSlot(word [32]byte) sink.Said {
	return sink.Said{Round: dodona.Round(binary.BigEndian.Uint64(word[:]))}
}

// update returns what a feed's contract takes.
func (s *Sink) update(rec dodona.Record) (Payload, error) {
	var answer dodona.Answer
	if err := json.Unmarshal(rec.Body, &answer); err != nil {
		return Payload{}, fmt.Errorf("read answer: %w", err)
	}
	if _, found := s.targets[answer.Feed.Name]; !found {
		return Payload{}, fmt.Errorf("no contract is named for feed %q", answer.Feed.Name)
	}
	data, err := signed.Update(answer)
	if err != nil {
		return Payload{}, err
	}
	report := answer.Attestation.Report
	return Payload{
		Topic: rec.Topic, Feed: answer.Feed.Name, Record: rec.ID, Round: report.Round, Value: report.Value,
		Data: data, Attested: rec.Appended, Network: answer.Network.ID(), Decimals: answer.Feed.Decimals,
	}, nil
}

// slotOf reads what a DodonaFeed stores: round uint64 ‖ value int192.
func slotOf(word [32]byte) sink.Said {
	round, value := calldata.ParseFeedWord(word)
	return sink.Said{Round: round, Value: value}
}

// turnOf returns how long this sender waits for a round: sender (hash(feed, round) + j) mod s waits j · stagger.
func (s *Sink) turnOf(feed string, r dodona.Round) time.Duration {
	n := uint64(len(s.settings.Senders))
	mine := slices.Index(s.settings.Senders, s.wallet.Address())
	if mine < 0 {
		return time.Duration(n) * s.settings.Stagger // not on the list: after everybody
	}
	var id dodona.FeedID
	for _, f := range s.env.Feeds {
		if f.Name == feed {
			id = f.ID()
		}
	}
	first := firstSender(id, r, n)
	j := (uint64(mine) + n - first) % n
	return time.Duration(j) * s.settings.Stagger
}

// firstSender returns keccak256(abi.encode(feed, round)) mod n.
func firstSender(feed dodona.FeedID, r dodona.Round, n uint64) uint64 {
	var word [32]byte
	binary.BigEndian.PutUint64(word[24:], uint64(r))
	d := dodona.Keccak256(feed[:], word[:])
	// The low 64 bits are as even as all of them for any list that fits into a configuration.
	return binary.BigEndian.Uint64(d[24:]) % n
}

const over = "over"

func mentions(text string, words ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// classify says what an answer to a broadcast means, by the words of geth, reth, anvil, erigon and nethermind.
func classify(err error) (reply, string) {
	if err == nil {
		return accepted, ""
	}
	var said *ethrpc.Error
	if !errors.As(err, &said) {
		return unheard, err.Error()
	}
	m := said.Message
	switch {
	case mentions(m, "already known", "known transaction", "already imported", "alreadyknown"):
		return accepted, ""
	case mentions(m, "nonce too low", "nonce is too low", "oldnonce", "already been used"):
		return stale, m
	case mentions(m, "underpriced", "fee too low", "gas price too low", "less than block base fee", "feetoolow", "fee cap less"):
		return underpriced, m
	case mentions(m, "insufficient funds", "insufficientfunds", "insufficient balance"):
		return poor, m
	case mentions(m, "gas price", "gasprice", "tip ", "priority fee", "priorityfee") && mentions(m, "below", "too low", "toolow", "minimum", "less than", "lower than"):
		return underpriced, m
	}
	return refused, m
}

// saidBy returns what a payload will say.
func saidBy(p *Payload) sink.Said {
	return sink.Said{Round: p.Round, Value: p.Value, Decimals: p.Decimals}
}
