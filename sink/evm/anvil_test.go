//go:build integration

package evm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/calldata"
	client "github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/evm"
	"github.com/dodona-oracle/dodona/telemetry"
)

// patience is for a real chain on a busy machine; nothing waits that long when it works.
const patience = 60 * time.Second

var question = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}

// A rig is a sink on a real journal and a real chain. Its methods fail the test.
type rig struct {
	t        *testing.T
	chain    *anviltest.Chain
	journal  *journal.Journal
	network  dodona.Network
	quorum   dodona.Quorum
	signer   *secp.PrivateKey // of the answers
	payer    *secp.PrivateKey
	settings evm.Settings
	policy   sink.Policy
	feeds    []dodona.Feed // with question first
	every    time.Duration // of the node's anchors; 0: not known
	recorder telemetrytest.Tally

	first dodona.Round
	next  int
	loop  *sink.Loop
	stop  func()
}

type wallet struct{ *secp.PrivateKey }

func (w wallet) SignTransaction(d dodona.Digest) dodona.Signature { return w.Sign(d) }

func key(t *testing.T, name string) *secp.PrivateKey {
	t.Helper()
	d := dodona.Keccak256([]byte("sink/evm"), []byte(name))
	k, err := secp.ParsePrivateKey(d[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newRig starts an anvil with a DodonaFeed on it, and a journal. Nothing is delivered before begin.
func newRig(t *testing.T, args ...string) *rig {
	t.Helper()
	r := newRigOn(t, anviltest.Start(t, args...))
	r.settings.Contract = r.chain.Deploy(r.code())
	r.chain.SetBalance(r.payer.Address(), 10e9)
	return r
}

// newRigOn makes a rig on a chain that runs; its contract is still to be deployed.
func newRigOn(t *testing.T, chain *anviltest.Chain) *rig {
	t.Helper()
	r := &rig{t: t, chain: chain, signer: key(t, "signer"), payer: key(t, "payer"), feeds: []dodona.Feed{question}}
	r.quorum = dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{r.signer.Address()}}
	r.network = dodona.Network{Name: "test", First: r.quorum.Digest()}
	var err error
	r.journal, err = journal.Open(t.Context(), journal.Config{Dir: t.TempDir(), Node: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.journal.Close() })
	settings, ok := evm.Kind.Settings().(*evm.Settings)
	if !ok {
		t.Fatal("the kind's settings are not its settings")
	}
	r.settings = *settings
	r.settings.RPC = []string{r.chain.URL}
	r.settings.Poll, r.settings.Confirmations, r.settings.BumpAfter = 50*time.Millisecond, 3, time.Second
	r.first = dodona.RoundAt(time.Now().Add(-time.Hour).Truncate(time.Second))
	return r
}

// code returns what deploys the rig's DodonaFeed.
func (r *rig) code() []byte { return r.codeOf(question) }

func (r *rig) codeOf(f dodona.Feed) []byte {
	r.t.Helper()
	artifact, err := contracts.Load(contracts.FeedECDSA)
	if err != nil {
		r.t.Fatal(err)
	}
	return append(artifact.Bytecode[:len(artifact.Bytecode):len(artifact.Bytecode)], calldata.NewECDSA(r.network.ID(), f.ID(), r.quorum)...)
}

// begin starts the sink and waits until it has seen the chain; stop, or the test's end, stops it.
func (r *rig) begin() {
	r.t.Helper()
	r.launch()
	r.until("the sink is ready", func() bool {
		d, ok := r.loop.Status().Detail.(evm.Status)
		return ok && d.Head > 0
	})
}

func (r *rig) launch() {
	r.t.Helper()
	var names []string
	for _, f := range r.feeds {
		names = append(names, f.Name)
	}
	if err := errors.Join(evm.Kind.Check(&r.settings), evm.Kind.CheckWith(&r.settings, r.policy, names), r.policy.Check()); err != nil {
		r.t.Fatal(err)
	}
	j := r.journal
	r.loop = sink.New(sink.Config{
		Name: "main", Kind: evm.Kind, Settings: &r.settings, Policy: r.policy, Journal: j, Reader: "sink-main",
		Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond},
		Log:     slog.New(slog.NewTextHandler(testLog{r.t}, nil)), Recorder: &r.recorder,
		Env: sink.Env{
			Network: r.network.ID(), Feeds: r.feeds, Append: j.Append, AnchorEvery: func() time.Duration { return r.every },
			Ledger: j,
			Wallet: func(keyfile.Key) (sink.Wallet, error) { return wallet{r.payer}, nil },
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.loop.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("the sink ended with %v", err)
			}
		case <-time.After(patience):
			r.t.Error("the sink does not end")
		}
	})
	r.t.Cleanup(r.stop)
	r.until("the sink has begun", func() bool { // what is attested from now on is meant for it
		_, err := j.Last(context.Background(), dodona.TopicIntent, "main")
		return err == nil
	})
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// say attests the next round and returns it.
func (r *rig) say(value int64) dodona.Round {
	r.t.Helper()
	round := r.first + dodona.Round(r.next*1000)
	r.next++
	r.attest(question, round, value)
	return round
}

func (r *rig) attest(f dodona.Feed, round dodona.Round, value int64) {
	r.t.Helper()
	report := dodona.Report{Feed: f.ID(), Round: round, Value: dodona.NewInt192(value)}
	answer := dodona.Answer{Network: r.network, Quorum: r.quorum, Feed: f, Attestation: dodona.Attestation{
		Report: report, Signatures: []dodona.Signature{r.signer.Sign(report.Digest(r.network.ID()))},
	}}
	body, err := json.Marshal(answer)
	if err != nil {
		r.t.Fatal(err)
	}
	r.append(dodona.Record{Topic: dodona.TopicData, Key: f.Name, ID: round.ID(), Body: body})
}

// append journals an answer or an anchor behind the newest one of its key.
func (r *rig) append(rec dodona.Record) {
	r.t.Helper()
	last, err := r.journal.Last(r.t.Context(), rec.Topic, rec.Key)
	if err != nil && !errors.Is(err, dodona.ErrNotFound) {
		r.t.Fatal(err)
	}
	rec.After = last.ID
	if err := r.journal.Append(r.t.Context(), rec); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for something that only the chain and the sink can bring about.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	r.within(patience, what, is)
}

func (r *rig) within(patience time.Duration, what string, is func() bool) {
	r.t.Helper()
	for begun := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > patience {
			status, _ := json.MarshalIndent(r.loop.Status(), "", " ")
			r.t.Fatalf("waited %s until %s; status %s", patience, what, status)
		}
	}
}

func (r *rig) slot() (dodona.Round, dodona.Int192) { return r.slotOf(r.settings.Contract) }

func (r *rig) slotOf(contract dodona.Address) (dodona.Round, dodona.Int192) {
	r.t.Helper()
	word, err := r.chain.Storage(context.Background(), contract, dodona.Digest{}, client.Latest)
	if err != nil {
		r.t.Fatal(err)
	}
	return calldata.ParseFeedWord(word)
}

func (r *rig) untilSlot(want dodona.Round) {
	r.t.Helper()
	r.until(fmt.Sprintf("the slot holds round %d", want), func() bool {
		round, _ := r.slot()
		return round == want
	})
}

// mined returns how often each round was written: by transactions of the payer in the chain that stands, that were
// not reverted.
func (r *rig) mined() (written map[dodona.Round]int, reverted int) {
	r.t.Helper()
	written = make(map[dodona.Round]int)
	head, err := r.chain.Header(context.Background(), client.Latest)
	if err != nil {
		r.t.Fatal(err)
	}
	for n := uint64(0); n <= head.Number; n++ {
		var block struct {
			Transactions []struct {
				Hash, From, To, Input string
			}
		}
		if err := r.chain.Call(context.Background(), &block, "eth_getBlockByNumber", client.At(n), true); err != nil {
			r.t.Fatal(err)
		}
		for _, tx := range block.Transactions {
			if tx.From != r.payer.Address().String() || tx.To != r.settings.Contract.String() {
				continue
			}
			var hash dodona.Digest
			if err := hash.UnmarshalText([]byte(tx.Hash)); err != nil {
				r.t.Fatal(err)
			}
			receipt, err := r.chain.Receipt(context.Background(), hash)
			if err != nil {
				r.t.Fatal(err)
			}
			if !receipt.OK {
				reverted++
				continue
			}
			var round uint64
			if _, err := fmt.Sscanf(tx.Input[2:18], "%x", &round); err != nil {
				r.t.Fatal(err)
			}
			written[dodona.Round(round)]++
		}
	}
	return written, reverted
}

// receipts returns the statuses that a round has receipts of.
func (r *rig) receipts(round dodona.Round) (list []dodona.Receipt) {
	r.t.Helper()
	for rec, err := range r.journal.Scan(context.Background(), dodona.TopicReceipt, "main", nil) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			r.t.Fatal(err)
		}
		var receipt dodona.Receipt
		if err := json.Unmarshal(rec.Body, &receipt); err != nil {
			r.t.Fatal(err)
		}
		if receipt.Record == round.ID() {
			list = append(list, receipt)
		}
	}
	return list
}

func (r *rig) has(round dodona.Round, status dodona.ReceiptStatus) bool {
	r.t.Helper()
	for _, receipt := range r.receipts(round) {
		if receipt.Status == status {
			return true
		}
	}
	return false
}

// told reports whether an event of that sort was journaled.
func (r *rig) told(what string) bool {
	r.t.Helper()
	for rec, err := range r.journal.Scan(context.Background(), dodona.TopicEvent, dodona.EventDelivery, nil) {
		if errors.Is(err, dodona.ErrNotFound) {
			return false
		}
		if err != nil {
			r.t.Fatal(err)
		}
		var e sink.Event
		if err := json.Unmarshal(rec.Body, &e); err == nil && e.What == what {
			return true
		}
	}
	return false
}

// once fails unless each of the rounds was written exactly once and nothing else was.
func (r *rig) once(rounds ...dodona.Round) {
	r.t.Helper()
	var written map[dodona.Round]int
	r.until("every round is in a block", func() bool { // the state that a node answers from may be ahead of its list of blocks
		written, _ = r.mined()
		for _, round := range rounds {
			if written[round] == 0 {
				return false
			}
		}
		return true
	})
	for _, round := range rounds {
		if written[round] != 1 {
			r.t.Errorf("round %d was written %d times", round, written[round])
		}
		delete(written, round)
	}
	if len(written) > 0 {
		r.t.Errorf("written besides: %v", written)
	}
}

func TestAnAnswerReachesTheContractAndItsReceiptTheJournal(t *testing.T) {
	r := newRig(t)
	r.begin()
	round := r.say(4321855000000)
	r.untilSlot(round)
	if _, value := r.slot(); value != dodona.NewInt192(4321855000000) {
		t.Errorf("the slot holds %s", value)
	}
	r.until("the receipt of the block is there", func() bool { return r.has(round, dodona.ReceiptMined) })
	if r.has(round, dodona.ReceiptFinal) {
		t.Error("one block is not three")
	}
	r.chain.Do("anvil_mine", "0x2")
	r.until("it is final", func() bool { return r.has(round, dodona.ReceiptFinal) })
	last := r.receipts(round)
	on := last[len(last)-1].OnChain
	if on == nil || on.Contract != r.settings.Contract || on.GasUsed == 0 || on.Block == 0 || on.Chain != anviltest.ChainID || on.Sender != r.payer.Address() {
		t.Errorf("the receipt says %+v", on)
	}
	t.Logf("%d gas for the first write", on.GasUsed)
	if took := r.recorder.Times(telemetry.SinkDelivery.Of("main")); len(took) != 1 || took[0] <= 0 {
		t.Errorf("the delivery took %v", took)
	}
	levels := r.recorder.Levels(telemetry.SinkQueue.Of("main"))
	if !slices.Contains(levels, 1) || levels[len(levels)-1] != 0 {
		t.Errorf("the queue was %v, want 1 while the answer is under way, then 0", levels)
	}
	r.until("the status says so", func() bool {
		s := r.loop.Status()
		return s.Delivered == 1 && s.State == sink.OK && s.Last != nil && s.Last.Record == round.ID()
	})
	r.once(round)
}

func TestEveryAnswerIsWrittenInOrder(t *testing.T) {
	r := newRig(t)
	r.policy.Policy = sink.Every
	r.begin()
	var rounds []dodona.Round
	for i := range 40 {
		rounds = append(rounds, r.say(int64(1000+i)))
	}
	r.untilSlot(rounds[len(rounds)-1])
	r.once(rounds...)
}

func TestOnlyWhatDeviatesOrIsOldIsWritten(t *testing.T) {
	r := newRig(t)
	if err := r.policy.Deviation.UnmarshalText([]byte("1%")); err != nil {
		t.Fatal(err)
	}
	r.policy.Heartbeat = 10 * time.Second
	r.begin()
	var want []dodona.Round
	for i, value := range []int64{10000, 10050, 9950, 10100, 10101, 10100} {
		round := r.say(value)
		if i == 0 || i == 3 {
			want = append(want, round)
			r.untilSlot(round)
		}
	}
	for range 8 { // ten seconds after the last write
		r.say(10100)
	}
	want = append(want, r.first+13000)
	r.untilSlot(r.first + 13000)
	r.once(want...)
	if s := r.loop.Status(); s.Skipped != 11 {
		t.Errorf("skipped %d, want 11", s.Skipped)
	}
	// A restart decides by what the chain holds, not by what it remembers.
	r.stop()
	r.begin()
	r.say(10100)
	deviating := r.say(11000)
	r.untilSlot(deviating)
	r.once(append(want, deviating)...)
}

func TestAnswersThatWaitAreSuperseded(t *testing.T) {
	r := newRig(t)
	r.begin()
	first := r.say(1)
	r.untilSlot(first)
	r.chain.Do("evm_setAutomine", false)
	held := r.say(2)
	r.until("it is sent", func() bool { return r.loop.Status().Detail.(evm.Status).Flying == 1 })
	var last dodona.Round
	for i := range 5 {
		last = r.say(int64(3 + i))
	}
	r.until("they wait", func() bool { return r.loop.Status().Superseded >= 4 })
	r.chain.Do("evm_setAutomine", true)
	r.chain.Do("anvil_mine", "0x1")
	r.untilSlot(last)
	written, _ := r.mined()
	if written[first] != 1 || written[last] != 1 || written[held] > 1 || len(written) > 3 {
		t.Errorf("written %v; want %d, at most once %d, %d", written, first, held, last)
	}
}

func TestNothingIsLostWithoutMoney(t *testing.T) {
	r := newRig(t)
	r.chain.SetBalance(r.payer.Address(), 1000)
	r.policy.Policy = sink.Every
	r.begin()
	rounds := []dodona.Round{r.say(1), r.say(2), r.say(3)}
	r.until("the lack of money is told", func() bool {
		s := r.loop.Status()
		return s.State == sink.Stuck && strings.Contains(s.LastError, "cannot pay") && r.told("funds")
	})
	if round, _ := r.slot(); round != 0 {
		t.Error("something was written for nothing")
	}
	r.chain.SetBalance(r.payer.Address(), 10e9)
	r.untilSlot(rounds[2])
	r.once(rounds...)
	r.until("it is well again", func() bool { return r.loop.Status().State == sink.OK })
}

func TestNothingIsLostWhileNoEndpointAnswers(t *testing.T) {
	r := newRig(t)
	r.policy.Policy = sink.Every
	r.settings.Timeout = time.Second
	r.begin()
	before := r.say(1)
	r.untilSlot(before)
	r.chain.Pause()
	a, b := r.say(2), r.say(3)
	r.until("the silence is told", func() bool { return r.told("rpc") && r.loop.Status().State == sink.Retrying })
	r.chain.Resume()
	r.untilSlot(b)
	r.once(before, a, b)
}

func TestFeesRiseAndTheTransactionFollows(t *testing.T) {
	r := newRig(t, "--no-mining")
	r.begin()
	round := r.say(1)
	r.until("it is sent", func() bool { return r.loop.Status().Detail.(evm.Status).Flying == 1 })
	r.chain.Do("anvil_setNextBlockBaseFeePerGas", "0x"+fmt.Sprintf("%x", uint64(20e9))) // the first cap was about 3 gwei
	r.chain.Do("anvil_mine", "0x1")
	if got, _ := r.slot(); got != 0 {
		t.Fatal("the spike did not keep it out")
	}
	for begun := time.Now(); ; {
		if got, _ := r.slot(); got == round {
			break
		}
		if time.Since(begun) > patience {
			t.Fatalf("status %+v", r.loop.Status())
		}
		r.chain.Do("anvil_setNextBlockBaseFeePerGas", "0x"+fmt.Sprintf("%x", uint64(20e9)))
		r.chain.Do("anvil_mine", "0x1")
		time.Sleep(200 * time.Millisecond)
	}
	r.once(round)
}

func TestFeesAboveTheMostAreWaitedOut(t *testing.T) {
	r := newRig(t, "--no-mining")
	r.settings.MaxFee = 5e9
	spike := func(wei uint64) {
		r.chain.Do("anvil_setNextBlockBaseFeePerGas", fmt.Sprintf("0x%x", wei))
		r.chain.Do("anvil_mine", "0x1")
	}
	spike(50e9)
	r.begin()
	round := r.say(1)
	r.until("the fees are told", func() bool { spike(50e9); return r.told("fees") && r.loop.Status().State == sink.Stuck })
	if r.loop.Status().Detail.(evm.Status).Flying != 0 {
		t.Error("it was sent although the chain is too dear")
	}
	r.until("the slot holds it", func() bool { spike(1e9); got, _ := r.slot(); return got == round })
	r.once(round)
}

func TestDroppedTransactionsGoOutAgain(t *testing.T) {
	r := newRig(t, "--no-mining")
	r.policy.Policy = sink.Every
	r.settings.BumpAfter = time.Hour // the same bytes, not others
	r.begin()
	rounds := []dodona.Round{r.say(1), r.say(2), r.say(3)}
	r.until("they are sent", func() bool { return r.loop.Status().Detail.(evm.Status).Flying == 3 })
	r.chain.Do("anvil_dropAllTransactions")
	r.until("the slot holds the last", func() bool {
		r.chain.Do("anvil_mine", "0x1")
		got, _ := r.slot()
		return got == rounds[2]
	})
	r.once(rounds...)
}

func TestReorganisationsAreNoticedAndMended(t *testing.T) {
	r := newRig(t)
	r.policy.Policy = sink.Every
	r.settings.Confirmations = 5
	r.begin()
	first := r.say(1)
	r.until("it is in a block", func() bool { return r.has(first, dodona.ReceiptMined) })
	snapshot := ""
	if err := r.chain.Call(t.Context(), &snapshot, "evm_snapshot"); err != nil {
		t.Fatal(err)
	}
	second, third := r.say(2), r.say(3)
	r.until("they are in a block", func() bool { return r.has(third, dodona.ReceiptMined) })
	r.chain.Do("evm_revert", snapshot) // the blocks are gone, and so are the transactions
	r.chain.Do("anvil_mine", "0x1")
	r.until("the loss is told", func() bool { return r.told("reorg") })
	r.untilSlot(third)
	r.chain.Do("anvil_mine", "0x5")
	r.until("all are final", func() bool {
		return r.has(first, dodona.ReceiptFinal) && r.has(second, dodona.ReceiptFinal) && r.has(third, dodona.ReceiptFinal)
	})
	r.once(first, second, third)
}

// TestWhatAReorganisationTookAfterItWasFinalIsSentAgain: also if the sink was down meanwhile.
func TestWhatAReorganisationTookAfterItWasFinalIsSentAgain(t *testing.T) {
	r := newRig(t)
	r.policy.Policy = sink.Every
	r.settings.Confirmations = 2
	r.begin()
	rounds := []dodona.Round{r.say(1)}
	r.until("the first is in a block", func() bool { return r.has(rounds[0], dodona.ReceiptMined) })
	snapshot := ""
	if err := r.chain.Call(t.Context(), &snapshot, "evm_snapshot"); err != nil {
		t.Fatal(err)
	}
	rounds = append(rounds, r.say(2), r.say(3))
	r.untilSlot(rounds[2])
	r.chain.Do("anvil_mine", "0x5")
	r.until("they are final", func() bool {
		return r.has(rounds[1], dodona.ReceiptFinal) && r.has(rounds[2], dodona.ReceiptFinal)
	})
	r.stop()
	r.chain.Do("evm_revert", snapshot)
	if at, _ := r.slot(); at != rounds[0] {
		t.Fatalf("the slot holds %d; the chain did not forget", at)
	}
	r.chain.Do("anvil_mine", "0x20")
	r.begin()
	rounds = append(rounds, r.say(4))
	r.untilSlot(rounds[3])
	r.once(rounds...)
	nonce, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest)
	if err != nil || nonce != 4 || !r.told("reorg") {
		t.Errorf("%d transactions for four rounds, %v; told: %v", nonce, err, r.told("reorg"))
	}
}

func TestBlocksThatAreReplacedAreFollowed(t *testing.T) {
	r := newRig(t)
	r.settings.Confirmations = 6
	r.begin()
	round := r.say(1)
	r.until("it is in a block", func() bool { return r.has(round, dodona.ReceiptMined) })
	r.chain.Do("anvil_mine", "0x2")
	r.chain.Do("anvil_reorg", 3, []any{})
	r.until("the slot holds it again", func() bool { got, _ := r.slot(); return got == round })
	r.chain.Do("anvil_mine", "0x6")
	r.until("it is final", func() bool { return r.has(round, dodona.ReceiptFinal) })
	r.once(round)
}

func TestARestartSendsTheSameBytes(t *testing.T) {
	r := newRig(t, "--no-mining")
	r.policy.Policy = sink.Every
	r.settings.BumpAfter = time.Hour
	r.begin()
	rounds := []dodona.Round{r.say(1), r.say(2)}
	r.until("they are sent", func() bool { return r.loop.Status().Detail.(evm.Status).Flying == 2 })
	r.stop()
	r.chain.Do("anvil_dropAllTransactions")
	r.begin()
	rounds = append(rounds, r.say(3))
	r.until("the slot holds the last", func() bool {
		r.chain.Do("anvil_mine", "0x1")
		got, _ := r.slot()
		return got == rounds[2]
	})
	r.once(rounds...)
	nonce, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest)
	if err != nil || nonce != 3 {
		t.Errorf("%d transactions for three rounds, %v", nonce, err)
	}
}

func TestAContractThatRefusesKeepsTheAnswerWaiting(t *testing.T) {
	r := newRig(t)
	r.signer = key(t, "stranger") // no member of the contract's quorum
	r.quorum.Members = []dodona.Address{r.signer.Address()}
	r.begin()
	round := r.say(1)
	r.until("the refusal is told", func() bool {
		s := r.loop.Status()
		return r.told("refused") && s.State == sink.Stuck && s.Queue == 1
	})
	if nonce, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest); err != nil || nonce != 0 {
		t.Errorf("%d transactions were paid for, %v", nonce, err)
	}
	if r.has(round, dodona.ReceiptDead) {
		t.Error("the answer was given up")
	}
}

// TestAnAddressWithoutCodeGetsNothing: the chain would take a transaction to it and call that a success.
func TestAnAddressWithoutCodeGetsNothing(t *testing.T) {
	r := newRig(t)
	code, err := r.chain.Code(t.Context(), r.settings.Contract, client.Latest)
	if err != nil {
		t.Fatal(err)
	}
	r.settings.Contract = dodona.Address{1, 2, 3}
	r.launch()
	r.until("it is told", func() bool {
		s := r.loop.Status()
		return s.State == sink.Stuck && strings.Contains(s.LastError, "has no code on chain 31337") && r.told("contract")
	})
	if nonce, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest); err != nil || nonce != 0 {
		t.Errorf("%d transactions were paid for, %v", nonce, err)
	}
	round := r.say(1)
	r.chain.Do("anvil_setCode", r.settings.Contract.String(), client.Bytes(code))
	r.untilSlot(round)
	r.once(round)
}

// TestAContractThatIsGoneGetsNothing: as after a development chain was begun anew.
func TestAContractThatIsGoneGetsNothing(t *testing.T) {
	r := newRig(t)
	r.begin()
	first := r.say(1)
	r.until("the sink has seen it in the slot", func() bool {
		return r.loop.Status().Detail.(evm.Status).Slots[question.Name].Round == first
	})
	zero := "0x" + strings.Repeat("0", 64)
	r.chain.Do("anvil_setCode", r.settings.Contract.String(), "0x")
	r.chain.Do("anvil_setStorageAt", r.settings.Contract.String(), zero, zero)
	r.say(2)
	r.until("it is told", func() bool {
		s := r.loop.Status()
		return s.State == sink.Retrying && strings.Contains(s.LastError, "has no code on chain 31337")
	})
	if nonce, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest); err != nil || nonce != 1 {
		t.Errorf("%d transactions were paid for, want 1, %v", nonce, err)
	}
}

// TestTheStatusSaysSinceWhenTheOldestWaits: what has waited longest, by when it was attested, and nobody once nothing waits.
func TestTheStatusSaysSinceWhenTheOldestWaits(t *testing.T) {
	r := newRig(t)
	r.chain.SetBalance(r.payer.Address(), 1000)
	r.policy.Policy = sink.Every
	r.begin()
	first := r.say(1)
	rec, err := r.journal.Last(t.Context(), dodona.TopicData, question.Name)
	if err != nil || rec.ID != first.ID() {
		t.Fatalf("%s, %v", rec.ID, err)
	}
	second := r.say(2)
	r.until("both wait", func() bool { return r.loop.Status().Queue == 2 })
	if got := r.loop.Status().Oldest; !got.Equal(rec.Appended) {
		t.Errorf("the oldest waits since %s, want %s", got, rec.Appended)
	}
	r.chain.SetBalance(r.payer.Address(), 10e9)
	r.untilSlot(second)
	r.until("nobody waits", func() bool { s := r.loop.Status(); return s.Queue == 0 && s.Oldest.IsZero() })
}

// TestAnotherChainIsSaidWithWhatToDo: no endpoint will answer for the one that is meant.
func TestAnotherChainIsSaidWithWhatToDo(t *testing.T) {
	r := newRig(t)
	r.settings.ChainID = 5
	r.launch()
	r.until("it is told", func() bool {
		s := r.loop.Status()
		return s.State == sink.Stuck && strings.Contains(s.LastError, "it says 31337, want 5; correct chain_id, or name an endpoint of that chain")
	})
}
