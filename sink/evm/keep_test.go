package evm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// refusing makes the journal refuse some records for good, and notes what it is given.
func (b *bench) refusing(is func(dodona.Record) bool) (given func() []dodona.Record) {
	var all []dodona.Record
	b.env.Append = func(ctx context.Context, recs ...dodona.Record) error {
		b.mu.Lock()
		all = append(all, recs...)
		b.mu.Unlock()
		for _, rec := range recs {
			if is(rec) {
				return dodona.Permanent(fmt.Errorf("record of %d bytes: too many", len(rec.Body)))
			}
		}
		return b.append(ctx, recs...)
	}
	return func() []dodona.Record {
		b.mu.Lock()
		defer b.mu.Unlock()
		return all
	}
}

// TestAnEndpointsWordsAreShortWhereverTheyGo: events, receipts, intents and the status hold some of them, whatever they are the answer to.
func TestAnEndpointsWordsAreShortWhereverTheyGo(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	words, _ := json.Marshal("no " + strings.Repeat("<\x1b[31m\u202e\n", 20_000))
	for method, code := range map[string]int{
		"eth_sendRawTransaction": -32000, "eth_estimateGas": 3, "eth_getBalance": 429, "eth_getTransactionReceipt": -32603,
	} {
		bubble(t, method, func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			var lies atomic.Bool
			f.says = saysWhile(&lies, func(m string) string {
				if m != method {
					return ""
				}
				return fmt.Sprintf(`"error":{"code":%d,"message":%s,"data":%s}`, code, words, words)
			})
			b := newPair(t, l, f)
			given := b.refusing(func(dodona.Record) bool { return false })
			b.starts(sink.Latest)
			lies.Store(true)
			for round := dodona.Round(1); round < 6; round++ {
				b.attest(round)
				time.Sleep(time.Minute)
				st, _ := json.Marshal(b.status())
				if len(st) > 8<<10 || !plain.Is(b.status().LastError) {
					t.Fatalf("a status of %d bytes, last error %.300q", len(st), b.status().LastError)
				}
			}
			if st := b.status(); st.State == sink.OK || !strings.Contains(st.LastError, "no <·[31m··<") {
				t.Errorf("the sink is %s and says %.300q, want what the endpoint said", st.State, st.LastError)
			}
			for _, rec := range given() {
				var e sink.Event
				if rec.Topic == dodona.TopicEvent && (json.Unmarshal(rec.Body, &e) != nil || !plain.Is(e.Message)) || len(rec.Body) > 8<<10 {
					t.Errorf("a record of %d bytes: %.300q", len(rec.Body), rec.Body)
				}
			}
		})
	}
}

// TestWhatCanNeverBeJournaledIsDropped, but for intents: an event that is too large costs itself alone.
func TestWhatCanNeverBeJournaledIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		b := newPair(t, l, first, second)
		b.refusing(func(rec dodona.Record) bool { return rec.Topic == dodona.TopicEvent })
		var asked atomic.Int64
		first.says = func(m string) string {
			if m == "eth_sendRawTransaction" && asked.Add(1) < 3 { // each of them, once
				return `"error":{"code":-32000,"message":"no"}`
			}
			return ""
		}
		second.says = first.says
		b.starts(sink.Latest)
		b.rounds(l, 1, 3, time.Minute, 30*time.Second)
		st := b.status()
		if want := "journal: dropped event main.rejected."; !strings.HasPrefix(st.LastError, want) || st.State != sink.OK {
			t.Errorf("the sink is %s and says %q, want %q", st.State, st.LastError, want)
		}
		if n := b.counted(telemetry.SinkUnkept); n != 2 || len(b.events) > 0 { // that it began, and that it is over
			t.Errorf("%d are counted as dropped, want 2; events %q", n, b.events)
		}
	})
}

// TestAnIntentThatCannotBeJournaledIsTold, nothing is sent without, and who hands answers over may go.
func TestAnIntentThatCannotBeJournaledIsTold(t *testing.T) {
	for name, permanent := range map[string]bool{"never": true, "not now": false} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			b := newPair(t, l, f)
			var fails atomic.Bool
			is := func(rec dodona.Record) bool {
				return fails.Load() && rec.Topic == dodona.TopicIntent && strings.Contains(string(rec.Body), `"signed"`)
			}
			if b.refusing(is); !permanent {
				b.env.Append = func(_ context.Context, recs ...dodona.Record) error {
					for _, rec := range recs {
						if is(rec) {
							return errors.New("the bus is away")
						}
					}
					return nil
				}
			}
			b.starts(sink.Latest)
			fails.Store(true)
			b.attest(1)
			want := map[bool]sink.State{true: sink.Stuck, false: sink.Retrying}[permanent]
			b.within(time.Minute, "it is told", func() bool {
				st := b.status()
				return st.State == want && strings.HasPrefix(st.LastError, "journal: an intent cannot be written")
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := b.offer(ctx, Payload{Topic: dodona.TopicData, Feed: "feed-0", Round: 2, Record: "2", Attested: time.Now()}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who hands an answer over is told %v", err)
			}
			time.Sleep(10 * time.Minute)
			if n := f.asked["eth_sendRawTransaction"].Load(); n > 0 {
				t.Errorf("%d transactions are sent and not journaled", n)
			}
			fails.Store(false)
			b.within(2*time.Minute, "it is delivered", func() bool { return l.holds(1) == 1 && b.status().State == sink.OK })
		})
	}
}

func (b *bench) counted(c telemetry.Counters) uint64 {
	b.statusMu.Lock()
	defer b.statusMu.Unlock()
	return b.counts[c]
}
