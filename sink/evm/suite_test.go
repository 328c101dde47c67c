//go:build integration

package evm_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/evm"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// TestSuite: an absent peer is an anvil that is stopped and keeps its sockets.
func TestSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Subject {
		r := newRig(t)
		r.settings.Timeout = time.Second
		r.chain.Pause()
		return sinktest.Subject{
			Kind: evm.Kind, Settings: &r.settings, Feed: question,
			Wallet: func(keyfile.Key) (sink.Wallet, error) { return wallet{r.payer}, nil },
			Start:  func(*testing.T) { r.chain.Resume() },
			Stop:   func(*testing.T) { r.chain.Pause() },
			Record: func(n int) dodona.Record {
				report := dodona.Report{Feed: question.ID(), Round: r.first + dodona.Round(1000*n), Value: dodona.NewInt192(int64(n))}
				body, err := json.Marshal(dodona.Answer{Network: r.network, Quorum: r.quorum, Feed: question, Attestation: dodona.Attestation{
					Report: report, Signatures: []dodona.Signature{r.signer.Sign(report.Digest(r.network.ID()))},
				}})
				if err != nil {
					t.Fatal(err)
				}
				return dodona.Record{Topic: dodona.TopicData, Key: question.Name, ID: report.Round.ID(), Body: body}
			},
			Got: func(t *testing.T) (ids []string) {
				written, _ := r.mined()
				for n := range 20 {
					round := r.first + dodona.Round(1000*n)
					for range written[round] {
						ids = append(ids, round.ID())
					}
				}
				return ids
			},
		}
	})
}
