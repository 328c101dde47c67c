package evm

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Here a whole sink, all settings at their defaults, plays minutes and hours of a bad endpoint in fake time. Real nodes behind endpoints
// that fail are in the integration tests; they cannot be hurried.

// A ledger is an endpoint of a chain that has nothing but slots: a block every two seconds, and contracts that take ascending rounds.
type ledger struct {
	trips func(method string) error                            // what comes instead of an answer; nil, or returning nil: the answer
	says  func(method string, params []json.RawMessage) string // another answer than its own; nil, or empty: its own

	theirs atomic.Uint64 // the round that each slot holds at first

	mu    sync.Mutex
	begun time.Time
	id    uint64
	forks uint64               // how often it was reorganized
	fork  uint64               // the first block that is another one since
	txs   map[uint64]*ledgerTx // by nonce
	asked map[string]int       // answers, by method
}

type ledgerTx struct {
	hash  dodona.Digest
	to    dodona.Address
	round uint64
	block uint64 // 0: a nonce before it is missing
}

const (
	ledgerBlock = 2 * time.Second
	roundMark   = "round:"
)

// errHangs makes a ledger keep a request until its sender goes.
var errHangs = errors.New("hangs")

func newLedger() *ledger {
	return &ledger{begun: time.Now(), id: 1, txs: make(map[uint64]*ledgerTx), asked: make(map[string]int)}
}

func (l *ledger) head() uint64 { return 100 + uint64(time.Since(l.begun)/ledgerBlock) }

func (l *ledger) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	var q struct {
		Method string
		Params []json.RawMessage
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	if err := l.trouble(q.Method); err != nil {
		return nil, tripped(req, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[q.Method]++
	return answered(req, l.answer(q.Method, q.Params)), nil
}

// tripped returns what comes of a request that is not answered: at once, or when its sender goes.
func tripped(req *http.Request, err error) error {
	if errors.Is(err, errHangs) {
		<-req.Context().Done()
		return req.Context().Err()
	}
	return err
}

func answered(req *http.Request, text string) *http.Response {
	body := `{"jsonrpc":"2.0","id":1,` + text + `}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

func (l *ledger) answer(method string, params []json.RawMessage) string {
	if l.says != nil {
		if text := l.says(method, params); text != "" {
			return text
		}
	}
	if method == "eth_sendRawTransaction" {
		var raw ethrpc.Bytes
		_ = json.Unmarshal(params[0], &raw)
		return l.take(raw, l.head())
	}
	return `"result":` + l.result(method, params, l.head())
}

func (l *ledger) result(method string, params []json.RawMessage, head uint64) string {
	switch method {
	case "eth_chainId":
		return fmt.Sprintf(`"0x%x"`, l.id)
	case "eth_getCode":
		return `"0x60"`
	case "eth_call": // feed(): that of the bench
		var call struct{ To dodona.Address }
		_ = json.Unmarshal(params[0], &call)
		return `"` + dodona.Feed{Name: fmt.Sprintf("feed-%d", int(call.To[19])-1)}.ID().String() + `"`
	case "eth_getBlockByNumber":
		if at, err := strconv.ParseUint(strings.TrimPrefix(strings.Trim(string(params[0]), `"`), "0x"), 16, 64); err == nil { // not the newest
			if head = min(head, at); head < at {
				return "null"
			}
		}
		return blockText(head, l.hash(head), l.hash(head-1), l.begun.Add(time.Duration(head-100)*ledgerBlock), 1e9)
	case "eth_getTransactionCount":
		return fmt.Sprintf(`"0x%x"`, len(l.mined(head)))
	case "eth_getBalance":
		return `"0xde0b6b3a7640000"`
	case "eth_maxPriorityFeePerGas":
		return `"0x3b9aca00"`
	case "eth_feeHistory":
		return `{"reward":[["0x3b9aca00"]]}`
	case "eth_estimateGas":
		return `"0xc350"`
	case "eth_getStorageAt":
		round := l.theirs.Load()
		for _, tx := range l.mined(head) {
			if strings.Contains(string(params[0]), tx.to.String()[2:]) {
				round = tx.round
			}
		}
		return fmt.Sprintf(`"0x%016x%048x"`, round, round)
	case "eth_getTransactionReceipt":
		for _, tx := range l.mined(head) {
			if string(params[0]) == `"`+tx.hash.String()+`"` {
				return fmt.Sprintf(`{"transactionHash":%q,"blockHash":"0x%064x","blockNumber":"0x%x","status":"0x1","gasUsed":"0xc350","effectiveGasPrice":"0x1"}`, tx.hash, l.hash(tx.block), tx.block)
			}
		}
	}
	return "null"
}

func blockText(number, hash, parent uint64, at time.Time, baseFee uint64) string {
	return fmt.Sprintf(`{"number":"0x%x","hash":"0x%064x","parentHash":"0x%064x","timestamp":"0x%x","gasLimit":"0x1c9c380","baseFeePerGas":"0x%x"}`, number, hash, parent, at.Unix(), baseFee)
}

// hash returns the number that stands for a block's hash.
func (l *ledger) hash(block uint64) uint64 {
	if block >= l.fork {
		return l.forks<<32 | block
	}
	return block
}

// mined returns the transactions that are in blocks, by nonce.
func (l *ledger) mined(head uint64) (list []*ledgerTx) {
	for tx := l.txs[0]; tx != nil && tx.block > 0 && tx.block <= head; tx = l.txs[uint64(len(list))] {
		list = append(list, tx)
	}
	return list
}

// take puts a transaction, and those that waited for its nonce, into the next block.
func (l *ledger) take(raw []byte, head uint64) string {
	tx, nonce := &ledgerTx{hash: dodona.Keccak256(raw)}, nonceOf(raw)
	at := bytes.Index(raw, []byte(roundMark))
	tx.round = binary.BigEndian.Uint64(raw[at+len(roundMark):])
	copy(tx.to[:], raw[at+len(roundMark)+8:])
	if nonce < uint64(len(l.mined(head))) {
		return `"error":{"code":-32000,"message":"nonce too low"}`
	}
	l.txs[nonce] = tx
	for n := uint64(0); l.txs[n] != nil; n++ {
		if l.txs[n].block == 0 {
			l.txs[n].block = head + 1
		}
	}
	return fmt.Sprintf(`"result":%q`, tx.hash)
}

// nonceOf reads that of a transaction of chain 1: 02 ‖ the head of a list of more than 55 bytes ‖ 01 ‖ nonce ‖ …
func nonceOf(raw []byte) uint64 {
	at := 1 + 1 + int(raw[1]-0xf7) + 1
	b := raw[at]
	if b < 0x80 {
		return uint64(b)
	}
	return new(big.Int).SetBytes(raw[at+1 : at+1+int(b-0x80)]).Uint64()
}

// holds returns how many contracts hold a round.
func (l *ledger) holds(round dodona.Round) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tx := range l.mined(l.head()) {
		if tx.round == uint64(round) {
			n++
		}
	}
	return n
}

func (l *ledger) answers() (n int, by map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	by = make(map[string]int)
	for method, times := range l.asked {
		n, by[method] = n+times, times
	}
	return n, by
}

// trouble returns what becomes of a request, nil if it is answered.
func (l *ledger) trouble(method string) error {
	l.mu.Lock()
	trips := l.trips
	l.mu.Unlock()
	if trips == nil {
		return nil
	}
	return trips(method)
}

func (l *ledger) trip(by func(method string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trips = by
}

func (l *ledger) say(by func(method string, params []json.RawMessage) string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.says = by
}

type testWallet struct{ *secp.PrivateKey }

func (w testWallet) SignTransaction(d dodona.Digest) dodona.Signature { return w.Sign(d) }

// A bench is a sink in front of ledgers.
type bench struct {
	*Sink
	t       *testing.T
	targets map[string]dodona.Address
	events  []string
	intents []dodona.Record
	holds   atomic.Int64 // records, as the sink tells its loop

	mu sync.Mutex
}

// intents is a ledger of nothing but the intents of a sink, all of which it yields.
type intents func() []dodona.Record

func (f intents) Last(context.Context, dodona.Topic, string) (dodona.Record, error) {
	if list := f(); len(list) > 0 {
		return list[len(list)-1], nil
	}
	return dodona.Record{}, dodona.ErrNotFound
}

func (f intents) Scan(context.Context, dodona.Topic, string, func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		for _, rec := range f() {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func newBench(t *testing.T, feeds int, ledgers ...*ledger) *bench {
	t.Helper()
	b := &bench{t: t}
	d := dodona.Keccak256([]byte("bench"))
	key, err := secp.ParsePrivateKey(d[:])
	if err != nil {
		t.Fatal(err)
	}
	settings, _ := Kind.Settings().(*Settings)
	settings.Contracts = make(map[string]dodona.Address)
	env := sink.Env{
		Sink: "main", Policy: sink.Policy{Policy: sink.Latest}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Recorder: telemetry.Nop, Holds: func(n int) { b.holds.Store(int64(n)) },
		Wallet: func(keyfile.Key) (sink.Wallet, error) { return testWallet{key}, nil },
		Hold:   func(string) (func(), error) { return func() {}, nil },
		Ledger: intents(func() []dodona.Record { return nil }),
		Append: b.append,
	}
	env.Known = func() []dodona.Feed { return env.Feeds }
	for n := range feeds {
		f := dodona.Feed{Name: fmt.Sprintf("feed-%d", n)}
		env.Feeds = append(env.Feeds, f)
		settings.Contracts[f.Name] = dodona.Address{19: byte(n + 1)}
	}
	var urls []string
	hosts := make(hosts)
	for n, l := range ledgers {
		host := fmt.Sprintf("rpc%d.example", n+1)
		urls, hosts[host] = append(urls, "http://"+host), l
	}
	settings.RPC = urls
	opened, err := open(t.Context(), *settings, env)
	if err != nil {
		t.Fatal(err)
	}
	b.Sink, _ = opened.(*Sink)
	if err := b.reach(urls, hosts); err != nil {
		t.Fatal(err)
	}
	b.targets = settings.Contracts
	return b
}

// Hosts are ledgers by host.
type hosts map[string]*ledger

func (h hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	return h[req.URL.Host].RoundTrip(req)
}

func (b *bench) append(_ context.Context, recs ...dodona.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rec := range recs {
		var e sink.Event
		if rec.Topic == dodona.TopicEvent && json.Unmarshal(rec.Body, &e) == nil {
			b.events = append(b.events, e.What+": "+e.Message)
		}
		if rec.Topic == dodona.TopicIntent {
			b.intents = append(b.intents, rec)
		}
	}
	return nil
}

// eventsOf returns the events of some kinds.
func (b *bench) eventsOf(kinds ...string) (list []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(e, kind) }) {
			list = append(list, e)
		}
	}
	return list
}

// begin runs the sink to the end of the bubble.
func (b *bench) begin() {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("the sink ended with %v", err)
		}
	})
}

// starts runs the sink with a policy, and wants it ready within a minute.
func (b *bench) starts(policy sink.Choice) {
	b.t.Helper()
	b.env.Policy.Policy = policy
	b.begin()
	b.within(time.Minute, "it is ready", b.isReady)
}

// takesTurn is one turn of a sink that does not run.
func (b *bench) takesTurn() {
	b.t.Helper()
	if _, err := b.turn(b.t.Context(), ethrpc.Header{}); err != nil {
		b.t.Fatal(err)
	}
}

// answer is what a sink is given of a feed, with nothing but the round and the contract in it.
func (b *bench) answer(feed string, round dodona.Round) Payload {
	to := b.targets[feed]
	return Payload{
		Topic: dodona.TopicData, Feed: feed, Record: round.ID(), Round: round, Value: dodona.NewInt192(int64(round)), Attested: time.Now(),
		Data: append(binary.BigEndian.AppendUint64([]byte(roundMark), uint64(round)), to[:]...),
	}
}

// attest gives the sink an answer of every feed.
func (b *bench) attest(round dodona.Round) {
	b.t.Helper()
	<-b.ready
	for feed := range b.targets {
		if err := b.take(b.t.Context(), b.answer(feed, round)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) isReady() bool {
	select {
	case <-b.ready:
		return true
	default:
		return false
	}
}

func (b *bench) status() (st sink.Status) {
	st.Queue = int(b.holds.Load())
	b.Report(&st)
	return st
}

func (b *bench) detail() Status {
	d, _ := b.status().Detail.(Status)
	return d
}

// within waits in fake time.
func (b *bench) within(most time.Duration, what string, is func() bool) (took time.Duration) {
	b.t.Helper()
	begun := time.Now()
	for !is() {
		if time.Since(begun) > most {
			b.t.Fatalf("not in %s: %s; events %q", most, what, b.events)
		}
		time.Sleep(time.Second)
	}
	return time.Since(begun)
}
