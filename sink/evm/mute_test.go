package evm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// An estimator answers what a call of a contract takes for an endpoint of a ledger: with text, with an error, or, if both are empty, as the ledger does.
type estimator func(host string, to dodona.Address) (text string, fails error)

// estimates puts two endpoints of one ledger behind a bench.
func (b *bench) estimates(l *ledger, by estimator) {
	b.t.Helper()
	b.calls(l, func(host string, to dodona.Address, _ bool) (string, error) { return by(host, to) })
}

// calls is the same, where it is known too whether the contract is asked about what is its own.
func (b *bench) calls(l *ledger, by func(host string, to dodona.Address, own bool) (text string, fails error)) {
	b.t.Helper()
	through := tripper(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		var q struct {
			Method string
			Params []struct {
				To   dodona.Address
				Data ethrpc.Bytes
			}
		}
		if err := json.Unmarshal(body, &q); err != nil || q.Method != "eth_estimateGas" { // params of others are no calls
			return l.RoundTrip(req)
		}
		to := q.Params[0].To
		switch text, err := by(req.URL.Host, to, bytes.HasSuffix(q.Params[0].Data, to[:])); {
		case err != nil:
			return nil, tripped(req, err)
		case text != "":
			return answered(req, text), nil
		}
		return l.RoundTrip(req)
	})
	if err := b.reach([]string{"http://rpc1.example", "http://rpc2.example"}, through); err != nil {
		b.t.Fatal(err)
	}
}

// put offers the sink an answer of its n-th feed.
func (b *bench) put(n int, round dodona.Round) {
	b.t.Helper()
	if err := b.take(b.t.Context(), b.answer(fmt.Sprintf("feed-%d", n), round)); err != nil {
		b.t.Fatal(err)
	}
}

// TestAContractThatNobodyAnswersOfHoldsUpNoOther: no endpoint answers what a call of some contracts takes, each question takes all the time that it may, and the other feed goes. A person
// is told which contract it is, and once endpoints answer again, so do its answers go.
func TestAContractThatNobodyAnswersOfHoldsUpNoOther(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	for name, fails := range map[string]error{"cut": io.ErrUnexpectedEOF, "hangs": errHangs} {
		for _, policy := range []sink.Choice{sink.Every, sink.Latest} {
			for mute := 1; mute <= 2; mute++ {
				bubble(t, fmt.Sprintf("%s, %s, %d of 3", name, policy, mute), func(t *testing.T) {
					l := newLedger()
					b := newBench(t, 3, l)
					var ill atomic.Bool
					var asked atomic.Int64
					b.estimates(l, func(_ string, to dodona.Address) (string, error) {
						if ill.Load() && int(to[19]) <= mute {
							asked.Add(1)
							return "", fails
						}
						return "", nil
					})
					b.starts(policy)
					ill.Store(true)
					last := dodona.Round(0)
					offer := func(n int) {
						last++
						b.put(n, last)
					}
					for range 15 { // until it is known
						for n := range 3 {
							offer(n)
						}
						time.Sleep(time.Minute)
					}
					asked.Store(0)
					before := len(b.eventsOf("rpc"))
					for range 30 {
						for n := range mute {
							offer(n)
						}
						offer(2)
						r := last
						b.within(50*time.Second, "the feed that is well goes", func() bool { return l.holds(r) == 1 })
						time.Sleep(time.Minute)
					}
					rest := retryFirst
					if fails == errHangs {
						rest = silentRest * b.settings.Timeout
					}
					if n := asked.Load(); n > int64(mute*6)*int64(time.Hour/2/rest) { // three tries at each of two, each time
						t.Errorf("asked %d times in half an hour", n)
					}
					told := b.eventsOf("estimate")
					for n := range mute {
						if to := b.targets[fmt.Sprintf("feed-%d", n)]; !slices.ContainsFunc(told, func(e string) bool {
							return strings.Contains(e, to.String()) && strings.Contains(e, "rpc2.example") && strings.Contains(e, "`gas`")
						}) {
							t.Errorf("of %s nobody is told: %q", to, told)
						}
					}
					if again := b.eventsOf("rpc")[before:]; len(told) != mute || len(again) > 2*6*mute || fails != errHangs && len(again) > 0 { // while one hangs, requests wait
						t.Errorf("told again and again: %q, %q", told, again)
					}
					ill.Store(false)
					for n := range mute {
						offer(n)
						r := last
						b.within(retryMost+time.Minute, "what was ill goes", func() bool { return l.holds(r) == 1 })
					}
					b.within(time.Minute, "it is over", func() bool { return b.status().State == sink.OK })
				})
			}
		}
	}
}

// TestWhatAllWereAskedIsNotAskedAnew through each of them: what no endpoint answers gives no reason to doubt one.
func TestWhatAllWereAskedIsNotAskedAnew(t *testing.T) {
	for mute, want := range map[bool]int{true: 0, false: 1} {
		p := newPlay(sink.Every)
		p.gas = 0
		p.offer(t, 1000)
		p.estimates(estimate{Unknown: "nobody says", Mute: mute})
		p.view.Head.Time = uint64(p.now.Unix())
		if list := p.doubts(p.now, p.view); len(list) != want {
			t.Errorf("mute %t: doubts %v, want %d", mute, list, want)
		}
	}
}

// TestAnEndpointThatEstimatesNothingIsNoContract: it answers all but estimates, so that no feed goes, and none is blamed. A turn takes no longer for each of them.
func TestAnEndpointThatEstimatesNothingIsNoContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const feeds = 12
		l := newLedger()
		b := newBench(t, feeds, l)
		b.estimates(l, func(string, dodona.Address) (string, error) { return "", errHangs })
		b.takesTurn()
		close(b.room)
		for feed, to := range b.targets {
			if _, err := b.offer(t.Context(), Payload{Topic: dodona.TopicData, Feed: feed, Record: "1", Round: 1, Data: to[:], Attested: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		b.room = make(chan struct{}, 1)
		for start := time.Now(); time.Since(start) < 2*dumbAfter; {
			begun := time.Now()
			if _, err := b.turn(t.Context(), ethrpc.Header{}); err != nil || time.Since(begun) > 4*b.settings.Timeout {
				t.Fatalf("a turn of %s: %v", time.Since(begun), err)
			}
			time.Sleep(b.settings.Poll)
		}
		if told := b.eventsOf("rpc"); len(told) == 0 || !strings.Contains(told[len(told)-1], "eth_estimateGas") {
			t.Errorf("told %q", told)
		}
		if said := b.status().LastError; !strings.Contains(said, "eth_estimateGas: no endpoint answers") {
			t.Errorf("the status says %q", said)
		}
		if told := b.eventsOf("estimate"); len(told) > 0 {
			t.Errorf("told %q", told)
		}
	})
}

// TestWhatOneEndpointDoesNotSayAnotherShowsNothingOf: the first knows no state and estimates nothing; the second does, and cuts the connection when it is asked about one contract. That is no
// word against this contract.
func TestWhatOneEndpointDoesNotSayAnotherShowsNothingOf(t *testing.T) {
	const broken = `"error":{"code":-32000,"message":"missing trie node"}`
	for other, want := range map[string]bool{broken: false, "": true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			b := newBench(t, 2, l)
			b.env.Policy.Policy = sink.Every
			b.estimates(l, func(host string, to dodona.Address) (string, error) {
				switch bad := to == b.targets["feed-0"]; {
				case host == "rpc2.example" && bad:
					return "", io.ErrUnexpectedEOF
				case bad:
					return broken, nil
				case host == "rpc2.example":
					return "", nil
				}
				return other, nil
			})
			if err := b.Sink.begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := &step{now: time.Now()}
			for n := range mostOpen / 2 {
				b.m.plan(st, Payload{Topic: dodona.TopicData, Feed: "feed-0", Record: fmt.Sprint(n), Round: dodona.Round(n + 1), Data: []byte{1}, Attested: time.Now()})
			}
			b.m.say(st, unknownGas("feed-0"), true, "nobody says")
			v, err := b.look(t.Context(), ethrpc.Header{})
			if e := v.Estimates[1]; err != nil || e.Unknown == "" || e.Mute || v.Speaks != want {
				t.Errorf("%v, estimate %+v, it says something of another contract: %t, want %t", err, e, v.Speaks, want)
			}
		})
	}
}

// TestWhatIsWellGoesThoughOthersFallIll: one after the other gets no answer. What is well, or well again, goes within minutes, whoever else is ill, is told, and has much waiting.
func TestWhatIsWellGoesThoughOthersFallIll(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	for name, fails := range map[string]error{"cut": io.ErrUnexpectedEOF, "hangs": errHangs} {
		for _, waiting := range []int{1, mostOpen/2 + 1} {
			bubble(t, fmt.Sprintf("%s, %d wait", name, waiting), func(t *testing.T) {
				l := newLedger()
				b := newBench(t, 3, l)
				var ill [3]atomic.Bool
				b.estimates(l, func(_ string, to dodona.Address) (string, error) {
					if ill[to[19]-1].Load() {
						return "", fails
					}
					return "", nil
				})
				b.starts(sink.Every)
				last := dodona.Round(0)
				offer := func(n int) dodona.Round {
					last++
					b.put(n, last)
					return last
				}
				goes := func(what string, n int) {
					t.Helper()
					r := offer(n)
					b.within(15*time.Minute, what, func() bool { return l.holds(r) == 1 })
				}
				ill[0].Store(true)
				for range waiting {
					offer(0)
				}
				b.within(15*time.Minute, "the first is told", func() bool { return len(b.eventsOf("estimate")) > 0 })
				ill[1].Store(true)
				offer(1)
				time.Sleep(time.Minute)
				goes("the third, which alone is well", 2)
				ill[2].Store(true)
				offer(2)
				time.Sleep(10 * time.Minute)
				ill[0].Store(false)
				goes("the first, which is well again", 0)
			})
		}
	}
}

// TestABadEndpointIsHardlyTheWorseForMuteContracts: most requests fail, whatever they are, and of some contracts none is ever answered. The feed that is well is late by what the endpoints
// cost, and that is over when they are well.
func TestABadEndpointIsHardlyTheWorseForMuteContracts(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	const feeds = 4
	for _, c := range []struct {
		name  string
		habit func() func(string) error
		most  time.Duration
	}{
		{"three of four fail", func() func(string) error { return oneOf(4, err502) }, 15 * time.Minute},
		{"five of six fail", func() func(string) error { return oneOf(6, err502) }, 30 * time.Minute},
		{"nine of ten fail in turn", func() func(string) error { return every(10, err502) }, 30 * time.Minute},
		{"two of three hang", func() func(string) error { return oneOf(3, errHangs) }, time.Hour},
	} {
		for name, fails := range map[string]error{"cut": io.ErrUnexpectedEOF, "hangs": errHangs} {
			bubble(t, fmt.Sprintf("%s, %d of %d are %s", c.name, feeds-1, feeds, name), func(t *testing.T) {
				l := newLedger()
				b := newBench(t, feeds, l)
				var ill atomic.Bool
				b.estimates(l, func(_ string, to dodona.Address) (string, error) {
					if ill.Load() && int(to[19]) < feeds {
						return "", cmp.Or(l.trouble("eth_estimateGas"), fails)
					}
					return "", nil
				})
				b.starts(sink.Every)
				ill.Store(true)
				last := dodona.Round(0)
				late := func(rounds int, most time.Duration) (worst time.Duration) {
					for range rounds {
						for n := range feeds {
							last++
							b.put(n, last)
						}
						r := last
						worst = max(worst, b.within(most, "the feed that is well goes", func() bool { return l.holds(r) == 1 }))
						time.Sleep(time.Minute)
					}
					return worst
				}
				l.trip(c.habit())
				bad := late(15, c.most)
				l.trip(nil)
				t.Logf("late by %s at worst, and by %s once the endpoints are well", bad, late(5, 3*time.Minute))
				if told := b.eventsOf("estimate", "rpc"); len(told) == 0 {
					t.Error("nobody is told")
				}
			})
		}
	}
}

// TestWhereEstimatesFailByChanceNobodyIsIll: all else is answered at once, and of no contract more seldom than of others.
func TestWhereEstimatesFailByChanceNobodyIsIll(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, c := range []struct {
		of    uint64 // one of so many is answered
		fails error
		most  time.Duration
	}{
		{2, errHangs, 12 * time.Minute},
		{3, io.ErrUnexpectedEOF, 3 * time.Minute},
		{5, io.ErrUnexpectedEOF, 8 * time.Minute},
	} {
		bubble(t, fmt.Sprintf("%d, %v", c.of, c.fails), func(t *testing.T) {
			const feeds = 8
			l := newLedger()
			b := newBench(t, feeds, l)
			chance := oneOf(c.of, c.fails)
			var mu sync.Mutex
			b.estimates(l, func(string, dodona.Address) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				return "", chance("")
			})
			b.starts(sink.Latest)
			last, worst := dodona.Round(0), time.Duration(0)
			for range 20 {
				first := last + 1
				for n := range feeds {
					last++
					b.put(n, last)
				}
				worst = max(worst, b.within(c.most, "all go", func() bool {
					for r := first; r <= last; r++ {
						if l.holds(r) == 0 {
							return false
						}
					}
					return true
				}))
				time.Sleep(time.Minute)
			}
			t.Logf("late by %s at worst", worst)
			if told := b.eventsOf("estimate"); len(told) > 0 {
				t.Errorf("a contract is blamed: %q", told)
			}
		})
	}
}

// TestAFeedThatIsWellIsNotLate, whatever becomes of the estimates of others.
func TestAFeedThatIsWellIsNotLate(t *testing.T) {
	racetest.Long(t, "it simulates hours")
	const limit = `"error":{"code":-32005,"message":"limit exceeded"}`
	asked := 0
	each := func(n int, fails error) (string, error) { // is not answered, but for each n-th
		if asked++; asked%n == 0 {
			return "", nil
		}
		return "", fails
	}
	for name, c := range map[string]struct {
		ill  int // contracts, the first ones
		says func(ill, own bool) (text string, fails error)
		most time.Duration
	}{
		"many are cut off":       {12, func(ill, _ bool) (string, error) { return "", cutIf(ill) }, time.Minute},
		"many hang":              {12, func(ill, _ bool) (string, error) { return "", hangsIf(ill) }, 6 * time.Minute},
		"reverts are cut off":    {1, func(ill, own bool) (string, error) { return "", cutIf(ill || !own) }, time.Minute},
		"reverts hang":           {1, func(ill, own bool) (string, error) { return "", hangsIf(ill || !own) }, 2 * time.Minute},
		"others revert in words": {1, func(ill, own bool) (string, error) { return words(!own), cutIf(ill) }, time.Minute},
		"now and then one hangs": {1, func(ill, _ bool) (string, error) {
			if !ill {
				return "", nil
			}
			return each(5, errHangs)
		}, 2 * time.Minute},
		"one has a limit": {1, func(ill, _ bool) (string, error) {
			if ill {
				return limit, nil
			}
			return "", nil
		}, 2 * time.Minute},
	} {
		for _, policy := range []sink.Choice{sink.Every, sink.Latest} {
			bubble(t, name+", "+string(policy), func(t *testing.T) {
				l := newLedger()
				b := newBench(t, c.ill+1, l)
				var begun atomic.Bool
				b.calls(l, func(_ string, to dodona.Address, own bool) (string, error) {
					return c.says(begun.Load() && int(to[19]) <= c.ill, own || !begun.Load())
				})
				b.starts(policy)
				begun.Store(true)
				last, worst := dodona.Round(0), time.Duration(0)
				for range 90 {
					for n := range c.ill + 1 {
						last++
						b.put(n, last)
					}
					r, offered := last, time.Now()
					b.within(c.most, "the feed that is well goes", func() bool { return l.holds(r) == 1 })
					worst = max(worst, time.Since(offered))
					time.Sleep(time.Minute)
				}
				t.Logf("late by %s at worst", worst)
				if told := b.eventsOf("estimate", "rpc"); len(told) == 0 {
					t.Error("nobody is told")
				}
			})
		}
	}
}

func cutIf(is bool) error {
	if is {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func hangsIf(is bool) error {
	if is {
		return errHangs
	}
	return nil
}

// words is how some endpoints say that a call reverts.
func words(is bool) string {
	if is {
		return `"error":{"code":-32015,"message":"VM execution error."}`
	}
	return ""
}

// TestWhatIsInABlockIsSeenThoughNobodyEstimatesTheNext answer of the only feed.
func TestWhatIsInABlockIsSeenThoughNobodyEstimatesTheNext(t *testing.T) {
	for name, fails := range map[string]error{"cut": io.ErrUnexpectedEOF, "hangs": errHangs} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			b := newBench(t, 1, l)
			var ill atomic.Bool
			b.estimates(l, func(string, dodona.Address) (string, error) {
				if ill.Load() {
					return "", fails
				}
				return "", nil
			})
			b.starts(sink.Every)
			b.attest(1000)
			b.within(time.Minute, "it is sent", func() bool { return l.holds(1000) == 1 })
			ill.Store(true)
			b.attest(2000)
			b.within(5*time.Minute, "it is delivered", func() bool { return b.status().Delivered == 1 })
			b.within(2*dumbAfter, "the next is told of", func() bool {
				return slices.ContainsFunc(b.eventsOf("rpc"), func(e string) bool { return strings.Contains(e, "eth_estimateGas") })
			})
		})
	}
}
