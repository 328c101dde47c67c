package explain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/secp"
)

var start = time.Date(2026, 11, 22, 12, 4, 30, 0, time.UTC)

const btc = "btc.usd"

// A plant is a journal with rounds of a real feed over given bodies, signed by a real key.
type plant struct {
	fakeJournal
	key     *secp.PrivateKey
	quorum  dodona.Quorum
	network dodona.Network
	feed    *feed.Feed
	bodies  map[string]string // by source; missing: the exchange fails
	due     func(dodona.Round) (dodona.Transform, json.RawMessage)
}

func salts(id dodona.FeedID, r dodona.Round, index int) dodona.Digest {
	return dodona.Keccak256(id[:], fmt.Appendf(nil, "salt %d %d", r, index))
}

func newPlant(t testing.TB) *plant { return plantThatNeeds(t, 1) }

func plantThatNeeds(t testing.TB, need int, changes ...func(*plant, *extract.Extraction, *feed.Settings)) *plant {
	t.Helper()
	key, err := secp.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{key: key, quorum: dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{key.Address()}}}
	p.network = dodona.Network{Name: "demo", First: p.quorum.Digest()}
	p.bodies = map[string]string{
		"kraken":    `{"result":{"XXBTZUSD":{"c":["43218.10000","0.1"]}}}`,
		"binance":   `{"symbol":"BTCUSDT","price":"43218.55"}`,
		"coingecko": `{"bitcoin":{"usd":432190}}`,
	}
	x, err := extract.New(extract.Rules{
		"kraken":    {"": {Pointer: "/result/XXBTZUSD/c/0"}},
		"binance":   {"": {Pointer: "/price"}},
		"coingecko": {"": {Pointer: "/bitcoin/usd"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	outliers, err := feed.ParsePercent("10%")
	if err != nil {
		t.Fatal(err)
	}
	eight := uint8(8)
	settings := feed.Settings{Unit: "USD", Decimals: &eight, From: []string{"kraken", "binance", "coingecko"}, Need: need, Outliers: outliers}
	p.due = func(dodona.Round) (dodona.Transform, json.RawMessage) { return x, x.JSON() }
	for _, change := range changes {
		change(p, x, &settings)
	}
	p.feed, err = feed.New(feed.Options{
		Feed:     dodona.Feed{Name: btc},
		Settings: settings,
		Due:      p.due,
		Node:     "gw-7",
		Ask: func(_ context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
			return p.ask(t, source, r)
		},
		Salt: salts,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask journals one exchange, as a pump does, and returns its readings.
func (p *plant) ask(_ testing.TB, source string, r dodona.Round) ([]dodona.Reading, error) {
	body, found := p.bodies[source]
	if !found {
		return nil, errors.New("dial tcp 127.0.0.1:1: connect: connection refused")
	}
	return []dodona.Reading{{
		Source: source, Body: []byte(body), ContentType: "application/json", Received: r.Time().Add(38 * time.Millisecond),
		Detail: fmt.Sprintf("GET api.%s.com 200, %d B, 38 ms", source, len(body)),
	}}, nil
}

// observe makes the n-th round and journals its readings, bundle and observation.
func (p *plant) observe(t testing.TB, n int) dodona.Bundle {
	t.Helper()
	at := start.Add(time.Duration(n) * 10 * time.Second)
	r := dodona.RoundAt(at)
	b := p.feed.Answer(t.Context(), r)
	b.TookMS = 41
	for _, source := range []string{"kraken", "binance", "coingecko"} {
		if readings, err := p.ask(t, source, r); err == nil {
			p.put(t, dodona.TopicReading, source, "", at.Add(40*time.Millisecond), dodona.Exchange{Readings: readings})
		}
	}
	p.put(t, dodona.TopicRound, btc, roundID(r), at.Add(42*time.Millisecond), b)
	if b.Value != nil {
		p.put(t, dodona.TopicObservation, btc, roundID(r), at.Add(43*time.Millisecond), p.sign(b))
	}
	return b
}

func (p *plant) sign(b dodona.Bundle) dodona.Observation {
	o := dodona.Observation{Feed: b.Feed.ID(), Name: b.Feed.Name, Round: b.Round, Value: *b.Value, Origin: b.Origin, Signer: p.key.Address()}
	o.Signature = p.key.Sign(o.Digest(p.network.ID()))
	return o
}

// attest journals the attestation of an observed round.
func (p *plant) attest(t testing.TB, b dodona.Bundle) {
	t.Helper()
	report := dodona.Report{Feed: b.Feed.ID(), Round: b.Round, Value: *b.Value}
	p.put(t, dodona.TopicData, btc, roundID(b.Round), b.Round.Time().Add(45*time.Millisecond), dodona.Answer{
		Network: p.network, Quorum: p.quorum, Feed: b.Feed,
		Attestation: dodona.Attestation{
			Report: report, Observed: dodona.Observed(p.network.ID(), p.sign(b)),
			Signatures: []dodona.Signature{p.key.Sign(report.Digest(p.network.ID()))},
		},
	})
}

// three returns a plant with three attested rounds and the bundle of the middle one.
func three(t testing.TB) (*plant, dodona.Bundle) {
	t.Helper()
	p := newPlant(t)
	var middle dodona.Bundle
	for n := range 3 {
		b := p.observe(t, n)
		p.attest(t, b)
		if n == 1 {
			middle = b
		}
	}
	return p, middle
}

// edit changes the body of the records that match.
func edit[T any](t testing.TB, p *plant, topic dodona.Topic, r dodona.Round, change func(*T)) {
	t.Helper()
	for i, rec := range p.recs {
		if rec.Topic != topic || rec.ID != roundID(r) {
			continue
		}
		var body T
		if err := json.Unmarshal(rec.Body, &body); err != nil {
			t.Fatal(err)
		}
		change(&body)
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		p.recs[i].Body = raw
	}
}
