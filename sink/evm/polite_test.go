//go:build integration

package evm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	client "github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// A liar is an endpoint in front of a real node that answers some requests by itself.
type liar struct {
	*httptest.Server
	says func(method string) string // the whole answer; empty: the node's
	edit func(answer []byte) []byte // of the node's answers; nil leaves them
}

func newLiar(t *testing.T, node string, says func(method string) string) *liar {
	t.Helper()
	l := &liar{says: says}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request struct{ Method string }
		_ = json.Unmarshal(body, &request)
		if text := l.says(request.Method); text != "" {
			if rest, limited := strings.CutPrefix(text, "429 "); limited {
				w.Header().Set("Retry-After", rest)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			if text == "502" {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = io.WriteString(w, text)
			return
		}
		resp, err := http.Post(node, "application/json", bytes.NewReader(body))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		answer, _ := io.ReadAll(resp.Body)
		if l.edit != nil {
			answer = l.edit(answer)
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(l.Close)
	return l
}

// behind launches a sink with the policy latest behind a liar in front of the rig's chain.
func (r *rig) behind(says func(method string) string) *liar {
	r.t.Helper()
	l := newLiar(r.t, r.chain.URL, says)
	r.settings.RPC, r.policy.Policy = []string{l.URL}, sink.Latest
	r.launch()
	return l
}

func result(json string) string { return `{"jsonrpc":"2.0","id":1,"result":` + json + `}` }

// genesis is what a node says that has not begun to follow the chain.
var genesis = map[string]string{
	"eth_getBlockByNumber":    fmt.Sprintf(`{"number":"0x0","hash":"0x%064d","parentHash":"0x%064d","timestamp":"0x0","gasLimit":"0x1c9c380","baseFeePerGas":"0x3b9aca00"}`, 1, 0),
	"eth_getTransactionCount": `"0x0"`, "eth_getBalance": `"0x0"`, "eth_getStorageAt": `"0x0"`, "eth_getCode": `"0x"`, "eth_getTransactionReceipt": `null`,
}

// TestAPoliteLieIsNotBelievedOfOneEndpoint: the first endpoint is well but for one thing; the second is well.
func TestAPoliteLieIsNotBelievedOfOneEndpoint(t *testing.T) {
	t.Parallel()
	lie := func(method, answer string) func(string) string {
		return func(m string) string {
			if m == method {
				return answer
			}
			return ""
		}
	}
	refuse := func(code int, text string) string {
		return fmt.Sprintf(`{"id":1,"error":{"code":%d,"message":%q}}`, code, text)
	}
	for name, says := range map[string]func(string) string{
		"the newest block is null":   lie("eth_getBlockByNumber", result("null")),
		"no state for estimates":     lie("eth_estimateGas", refuse(-32000, "missing trie node 0x00")),
		"estimates are refused":      lie("eth_estimateGas", refuse(3, "execution reverted")),
		"an estimate of 4.2 billion": lie("eth_estimateGas", result(`"0xfa56ea00"`)),
		"the chain id in decimal":    lie("eth_chainId", result(`31337`)),
		"the sender has nothing":     lie("eth_getBalance", result(`"0x0"`)),
		"a tip of 300 gwei":          lie("eth_maxPriorityFeePerGas", result(`"0x45d964b800"`)),
		"answers to others' request": lie("eth_getBalance", `{"jsonrpc":"2.0","id":777,"result":"0x1"}`),
		"no nonce":                   lie("eth_getTransactionCount", result("null")),
		"at genesis": func(m string) string {
			if text, found := genesis[m]; found {
				return result(text)
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "--block-time", "1")
			l := newLiar(t, r.chain.URL, says)
			r.settings.RPC = []string{l.URL, r.chain.URL}
			r.policy.Policy = sink.Latest
			r.launch()
			r.untilSlot(r.say(7))
			for _, what := range []string{"funds", "fees", "refused", "nonce", "estimate"} {
				if r.told(what) {
					t.Errorf("an event tells of %q, which only one endpoint said", what)
				}
			}
		})
	}
}

// TestAnAnswerWithoutAReceiptIsDelivered: a node that keeps no index of transactions shows no receipt, ever.
func TestAnAnswerWithoutAReceiptIsDelivered(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	r.behind(func(m string) string {
		if m == "eth_getTransactionReceipt" {
			return result("null")
		}
		return ""
	})
	round := r.say(7)
	r.untilSlot(round)
	r.until("it has a receipt", func() bool { return r.has(round, dodona.ReceiptDelivered) })
	if r.told("nonce") {
		t.Error("another transaction is blamed")
	}
	r.once(round)
}

// TestAnEndpointThatTakesFiveRequestsASecondDelivers: one look makes more of them than that.
func TestAnEndpointThatTakesFiveRequestsASecondDelivers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	r.behind((&bucket{perSecond: 5}).take)
	round := r.say(7)
	r.untilSlot(round)
	r.until("it is final", func() bool { return r.has(round, dodona.ReceiptFinal) })
	next := r.say(8)
	r.untilSlot(next)
}

// TestAnEndpointThatTakesTenRequestsASecondDeliversFourFeeds: with four slots to look at, a look takes most of a second's
// requests, and a receipt, an estimate and a transaction of each feed come on top. No feed's answers wait for ever behind
// those of the others.
func TestAnEndpointThatTakesTenRequestsASecondDeliversFourFeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	r.settings.Contracts = map[string]dodona.Address{question.Name: r.settings.Contract}
	r.settings.Contract = dodona.Address{}
	for _, name := range []string{"eth.usd", "gold.usd", "oil.usd"} {
		f := question
		f.Name = name
		r.feeds = append(r.feeds, f)
		r.settings.Contracts[name] = r.chain.Deploy(r.codeOf(f))
	}
	endpoint := &bucket{perSecond: 10}
	r.behind(endpoint.take)
	for n := range 3 {
		round := r.first + dodona.Round(1000*n)
		for i, f := range r.feeds {
			r.attest(f, round, int64(100*n+i))
		}
		for i, f := range r.feeds {
			r.until(fmt.Sprintf("%s has round %d", f.Name, n), func() bool {
				at, value := r.slotOf(r.settings.Contracts[f.Name])
				return at == round && value == dodona.NewInt192(int64(100*n+i))
			})
		}
	}
	r.until("all are final", func() bool {
		final := 0
		for _, receipt := range r.receipts(r.first + 2000) {
			if receipt.Status == dodona.ReceiptFinal {
				final++
			}
		}
		return final == len(r.feeds)
	})
	taken, refused := endpoint.counts()
	t.Logf("%d requests were taken and %d refused", taken, refused)
	if 25*refused > taken { // a look that begins anew after each refusal has one in ten refused
		t.Errorf("%d requests were refused and %d taken: the sink does not keep to what the endpoint bears", refused, taken)
	}
	if s := r.loop.Status(); s.Superseded+s.Dead > 0 {
		t.Errorf("%d were superseded and %d are dead letters, want none", s.Superseded, s.Dead)
	}
}

// A bucket of so many requests a second that runs dry: what comes then is asked for patience.
type bucket struct {
	perSecond int

	mu             sync.Mutex
	second         int64
	inIt           int // requests of that second
	taken, refused int
}

func (b *bucket) take(string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now().Unix(); now != b.second {
		b.second, b.inIt = now, 0
	}
	if b.inIt++; b.inIt > b.perSecond {
		b.refused++
		return "429 1"
	}
	b.taken++
	return ""
}

func (b *bucket) counts() (taken, refused int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken, b.refused
}

// TestAChainWithoutABaseFeeTakesLegacyTransactions: contracts need newer rules than chains of before EIP-1559 have, so the base fee is
// taken out of what the node says of its blocks.
func TestAChainWithoutABaseFeeTakesLegacyTransactions(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	l := newLiar(t, r.chain.URL, func(method string) string {
		if method == "eth_maxPriorityFeePerGas" || method == "eth_feeHistory" {
			return `{"id":1,"error":{"code":-32601,"message":"the method does not exist"}}`
		}
		return ""
	})
	l.edit = func(answer []byte) []byte {
		return bytes.ReplaceAll(answer, []byte(`"baseFeePerGas"`), []byte(`"someOther"`))
	}
	r.settings.RPC = []string{l.URL}
	r.policy.Policy = sink.Latest
	r.launch()
	round := r.say(7)
	r.untilSlot(round)
	r.until("it is final", func() bool { return r.has(round, dodona.ReceiptFinal) })
	head, err := r.chain.Header(t.Context(), client.Latest)
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(0); n <= head.Number; n++ {
		var block struct{ Transactions []struct{ From, Type string } }
		if err := r.chain.Call(t.Context(), &block, "eth_getBlockByNumber", client.At(n), true); err != nil {
			t.Fatal(err)
		}
		for _, tx := range block.Transactions {
			if tx.From == r.payer.Address().String() && tx.Type != "0x0" {
				t.Errorf("a transaction of type %s", tx.Type)
			}
		}
	}
}

// TestAnEstimateIsBelievedUpToMaxGas: some chains count in gas what their blocks cost elsewhere, and estimate billions.
func TestAnEstimateIsBelievedUpToMaxGas(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	l := r.behind(func(method string) string {
		if method == "eth_estimateGas" {
			return result(`"0xfa56ea00"`) // 4,200,000,000
		}
		return ""
	})
	round := r.say(7)
	r.until("it says which setting to raise", func() bool {
		return strings.Contains(r.loop.Status().LastError, "the node estimates 4200000000 gas, more than max_gas, 5000000; raise that if it is right")
	})
	if l.Close(); r.has(round, dodona.ReceiptDelivered) {
		t.Error("it was delivered with an estimate beyond max_gas")
	}
}

func TestAnEstimateOfBillionsDelivers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "--block-time", "1")
	r.settings.MaxGas = 5_000_000_000
	r.behind(func(method string) string {
		if method == "eth_estimateGas" {
			return result(`"0xfa56ea00"`)
		}
		return ""
	})
	r.untilSlot(r.say(7))
}
