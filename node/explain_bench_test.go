package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// benchConfig is of feeds of one source, a round a second, on a node whose key is known.
func benchConfig(b *testing.B, feeds int, roles string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "node: {name: bench, data: %q, memory: 1GiB, key: {hex: %q}}\n", b.TempDir(), strings.Repeat("07", 32))
	text.WriteString(roles + "journal: {raw: {bytes: 4GiB}, proof: {bytes: 4GiB}}\nsources:\n  s0: {sim: {seed: 1}}\nfeeds:\n")
	for i := range feeds {
		fmt.Fprintf(&text, "  f%d: {decimals: 8, every: 1s, from: [s0], unit: USD}\n", i)
	}
	return text.String()
}

// BenchmarkExplain asks for the story of rounds of a journal of a million records: of 10 feeds, each with the exchange of
// its source, the round, the observation and the answer. Nothing of it is in memory: the journal is opened anew.
//
//	go test ./node -run '^$' -bench Explain -benchtime 200x
func BenchmarkExplain(b *testing.B) {
	const feeds, rounds = 10, 25_000
	text := benchConfig(b, feeds, "roles: [observe, validate]\n")
	key, err := secp.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		b.Fatal(err)
	}
	n := openNode(b, text, Options{})
	first := dodona.RoundAt(time.Now().Add(-rounds * time.Second).Truncate(time.Second))
	at := func(i int) dodona.Round { return first + dodona.Round(i)*1000 }
	for from := 0; from < rounds; from += 20 {
		var recs []dodona.Record
		for i := from; i < min(from+20, rounds); i++ {
			for f := range feeds {
				kept := keptRound(b, n, key, f, at(i), i%100 == 0)
				if i > 0 {
					kept[3].After = at(i - 1).ID()
				}
				recs = append(recs, kept...)
			}
		}
		if err := n.journal.Append(b.Context(), recs...); err != nil {
			b.Fatal(err)
		}
	}
	n.close()
	n = openNode(b, text, Options{})
	var took []time.Duration
	b.ResetTimer()
	for i := range b.N {
		name, round := fmt.Sprintf("f%d", i%feeds), at((i*7919)%(rounds/100)*100)
		begin := time.Now()
		story, err := explain.Round(b.Context(), n.journal, name, round, explain.Options{})
		took = append(took, time.Since(begin))
		if err != nil || story.State != explain.StateAttested || !story.Attestation.Verdict.Valid || len(story.Broken) > 0 || !story.Inputs[0].Readings[0].Kept {
			b.Fatalf("%v: %+v", err, story)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(slices.Max(took).Microseconds())/1000, "ms/slowest")
}

// keptRound returns the four records of a round; signed says whether its signatures must hold.
func keptRound(b *testing.B, n *Node, key *secp.PrivateKey, feed int, round dodona.Round, signed bool) []dodona.Record {
	f := n.config().Feeds[feed].Feed
	reading := dodona.Reading{
		Source: fmt.Sprintf("s%d", feed), Body: fmt.Appendf(nil, `{"symbol":"BTCUSDT","price":"%d.55"}`, 43_000+round%1000),
		ContentType: "application/json", Received: round.Time().Add(3 * time.Millisecond),
	}
	value := dodona.NewInt192(4_321_855_000_000 + int64(round%1000))
	point := value.Decimal(8)
	bundle := dodona.Bundle{
		Feed: f, Round: round, Node: "bench", Rules: json.RawMessage(`{"feed":"bench"}`), Value: &value,
		Inputs: []dodona.Input{{
			Source: reading.Source, Point: reading.Source, Status: dodona.InputUsed, Value: &point, Time: reading.Received,
			Readings: []dodona.ReadingRef{{Digest: reading.Digest(), Received: reading.Received, Size: len(reading.Body)}},
		}},
	}
	bundle.Origin = dodona.Origin{Version: reading.Digest(), Rules: dodona.Keccak256(bundle.Rules), ReadingsRoot: reading.Digest()}
	network := n.id.network.ID()
	observation := dodona.Observation{Feed: f.ID(), Name: f.Name, Round: round, Value: value, Origin: bundle.Origin, Signer: n.id.key.Address()}
	report := dodona.Report{Feed: f.ID(), Round: round, Value: value}
	answer := dodona.Answer{Network: n.id.network, Quorum: n.id.quorum, Feed: f}
	answer.Attestation = dodona.Attestation{Report: report, Observed: dodona.Observed(network, observation), Signatures: make([]dodona.Signature, 1)}
	if signed {
		observation.Signature = key.Sign(observation.Digest(network))
		answer.Attestation.Signatures[0] = key.Sign(report.Digest(network))
	}
	record := func(topic dodona.Topic, key string, body any) dodona.Record {
		raw, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		return dodona.Record{Topic: topic, Key: key, ID: round.ID(), Body: raw}
	}
	return []dodona.Record{
		record(dodona.TopicReading, reading.Source, dodona.Exchange{Readings: []dodona.Reading{reading}}),
		record(dodona.TopicRound, f.Name, bundle),
		record(dodona.TopicObservation, f.Name, observation),
		record(dodona.TopicData, f.Name, answer),
	}
}
