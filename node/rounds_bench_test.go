package node

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// BenchmarkRounds asks for rounds of one feed of 53, whose journal has some 250,000 records and was opened anew, so that nothing of it is in memory:
// the newest, as the page and most programs do, and some of the middle.
//
//	go test ./node -run '^$' -bench Rounds -benchtime 10x
func BenchmarkRounds(b *testing.B) {
	const feeds, rounds = 53, 1200
	text := benchConfig(b, feeds, "roles: [observe, validate]\n")
	key, err := secp.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		b.Fatal(err)
	}
	n := openNode(b, text, Options{})
	first := dodona.RoundAt(time.Now().Add(-rounds * time.Second).Truncate(time.Second))
	at := func(i int) dodona.Round { return first + dodona.Round(i)*1000 }
	for from := 0; from < rounds; from += 4 {
		var recs []dodona.Record
		for i := from; i < from+4; i++ {
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
	for _, bench := range []struct {
		name string
		ask  func(ctx context.Context, feed string, i int) error
	}{
		{"newest-1", func(ctx context.Context, feed string, _ int) error {
			_, err := n.state.Rounds(ctx, feed, 0, 1)
			return err
		}},
		{"newest-100", func(ctx context.Context, feed string, _ int) error {
			_, err := n.state.Rounds(ctx, feed, 0, 100)
			return err
		}},
		{"middle-1", func(ctx context.Context, feed string, i int) error {
			_, err := n.state.Rounds(ctx, feed, at(i*7919%rounds), 1)
			return err
		}},
		{"middle-100", func(ctx context.Context, feed string, i int) error {
			_, err := n.state.Rounds(ctx, feed, at(i*7919%rounds), 100)
			return err
		}},
		{"round", func(ctx context.Context, feed string, i int) error {
			_, err := n.state.Round(ctx, feed, at(i*7919%rounds))
			return err
		}},
		{"explain", func(ctx context.Context, feed string, i int) error {
			_, err := explain.Round(ctx, n.journal, feed, at(i*7919%rounds/100*100), explain.Options{})
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs() // of which most are blocks of the store
			for i := range b.N {
				b.StopTimer()
				n.close()
				n = openNode(b, text, Options{})
				b.StartTimer()
				if err := bench.ask(b.Context(), fmt.Sprintf("f%d", i%feeds), i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
