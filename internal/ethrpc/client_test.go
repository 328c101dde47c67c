package ethrpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// A node is a fake RPC endpoint: it answers what a test wants said.
type node struct {
	*httptest.Server
	chain uint64
	asked atomic.Int64 // requests other than for the chain id
	hurt  atomic.Pointer[http.HandlerFunc]
	reply func(method string) string // the whole answer
	limit func(http.ResponseWriter) bool
}

func newNode(t *testing.T, chain uint64) *node {
	n := &node{chain: chain, reply: func(string) string { return `{"jsonrpc":"2.0","id":1,"result":"0x2a"}` }}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a server that has not read it does not see that its client went
		if hurt := n.hurt.Load(); hurt != nil {
			(*hurt)(w, r)
			return
		}
		if n.limit != nil && n.limit(w) {
			return
		}
		var request struct{ Method string }
		if err := json.Unmarshal(body, &request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if request.Method == "eth_chainId" {
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":"0x%x"}`, n.chain)
			return
		}
		n.asked.Add(1)
		_, _ = io.WriteString(w, n.reply(request.Method))
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *node) harm(f http.HandlerFunc) { n.hurt.Store(&f) }
func (n *node) mend()                   { n.hurt.Store(nil) }

func newClient(t *testing.T, chain uint64, nodes ...*node) *ethrpc.Client {
	t.Helper()
	return newClientFor(t, time.Minute, chain, nodes...)
}

func newClientFor(t *testing.T, timeout time.Duration, chain uint64, nodes ...*node) *ethrpc.Client {
	t.Helper()
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.URL+"/secret-key")
	}
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: urls, ChainID: chain, Timeout: timeout, Patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// trouble is every way in which an endpoint is of no use.
var trouble = map[string]http.HandlerFunc{
	"status 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	"status 429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
	"a redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
	},
	"a page":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	"nothing":       func(http.ResponseWriter, *http.Request) {},
	"an empty list": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") },
	"null":          func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":1,"result":null}`) },
	"state it lacks": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"error":{"code":-32000,"message":"missing trie node"}}`)
	},
	"no result":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":1}`) },
	"another's answer": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":777,"result":"0x2a"}`) },
	"a wrong result":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":1,"result":{}}`) },
	"a rate limit": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"error":{"code":-32005,"message":"limit exceeded"}}`)
	},
	"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"a reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"a flood": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"result":"0x`)
		for range 6 << 10 {
			if _, err := io.WriteString(w, strings.Repeat("0", 1<<10)); err != nil {
				return
			}
		}
	},
	"a trickle": func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	},
}

func TestClientGoesToTheNextEndpointAfterAnyTrouble(t *testing.T) {
	for name, hurt := range trouble {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newNode(t, 5), newNode(t, 5)
			timeout := time.Minute
			if name == "silence" || name == "a trickle" {
				timeout = 3 * time.Second // the test waits for it three times, and a healthy endpoint on a busy machine must be faster
			}
			c := newClientFor(t, timeout, 5, a, b)
			a.harm(hurt)
			n, err := c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest)
			if err != nil || n != 42 {
				t.Fatalf("got %d, %v; want 42 from the second endpoint", n, err)
			}
			if s := c.Endpoints(); s[0].Error == "" || s[0].Current || !s[1].Current {
				t.Errorf("endpoints: %+v", s)
			}
			// It stays with the one that answers, and both down is an error that names both and no secret.
			a.mend()
			_, _ = c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest)
			if a.asked.Load() != 0 {
				t.Error("the client went back without need")
			}
			a.harm(hurt)
			b.harm(hurt)
			_, err = c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest)
			var said *ethrpc.Error
			if err == nil || strings.Contains(err.Error(), "secret-key") || (errors.As(err, &said) && name != "a rate limit" && name != "state it lacks") {
				t.Errorf("both down: %v", err)
			}
			b.mend()
			if _, err = c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest); err != nil {
				t.Errorf("mended: %v", err)
			}
		})
	}
}

func TestClientNeverUsesAnotherChain(t *testing.T) {
	wrong, right := newNode(t, 1), newNode(t, 5)
	c := newClient(t, 5, wrong, right)
	if _, err := c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest); err != nil {
		t.Fatal(err)
	}
	right.harm(trouble["status 500"])
	_, err := c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest)
	if !errors.Is(err, ethrpc.ErrWrongChain) || !strings.Contains(err.Error(), "it says 1, want 5") {
		t.Errorf("got %v", err)
	}
	if wrong.asked.Load() != 0 {
		t.Errorf("the endpoint of another chain was asked %d times", wrong.asked.Load())
	}
}

func TestClientHoldsAllEndpointsToTheFirstChainItMeets(t *testing.T) {
	a, b := newNode(t, 7), newNode(t, 8)
	c := newClient(t, 0, a, b)
	if _, err := c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest); err != nil {
		t.Fatal(err)
	}
	a.harm(trouble["status 500"])
	if _, err := c.Nonce(context.Background(), dodona.Address{}, ethrpc.Latest); !errors.Is(err, ethrpc.ErrWrongChain) {
		t.Errorf("got %v", err)
	}
}

func TestAnswersAboutTheRequestAreNotAskedAgain(t *testing.T) {
	a, b := newNode(t, 5), newNode(t, 5)
	a.reply = func(string) string {
		return `{"error":{"code":3,"message":"execution reverted\n\u0007","data":"0x08c379a0"}}`
	}
	c := newClient(t, 5, a, b)
	_, err := c.EstimateGas(context.Background(), ethrpc.Message{})
	var said *ethrpc.Error
	if !errors.As(err, &said) || said.Code != 3 || string(said.Data) != `"0x08c379a0"` || strings.ContainsAny(err.Error(), "\n\a") {
		t.Errorf("got %q", err)
	}
	if b.asked.Load() != 0 {
		t.Error("the second endpoint was asked")
	}
}

func TestASecondBroadcastGoesToEachOtherEndpointInTurn(t *testing.T) {
	a, b, wrong, c := newNode(t, 5), newNode(t, 5), newNode(t, 6), newNode(t, 5)
	client := newClient(t, 5, a, b, wrong, c)
	if err := client.Send(context.Background(), []byte{2}); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		_ = client.SendToAnother(context.Background(), []byte{2})
	}
	if got := []int64{a.asked.Load(), b.asked.Load(), wrong.asked.Load(), c.asked.Load()}; fmt.Sprint(got) != "[1 2 0 2]" {
		t.Errorf("asked %v times", got)
	}
	if s := client.Endpoints(); !s[0].Current {
		t.Error("a broadcast elsewhere has changed the current endpoint")
	}
	alone := newClient(t, 5, a)
	if err := alone.SendToAnother(context.Background(), []byte{2}); err != nil || a.asked.Load() != 1 {
		t.Errorf("with one endpoint: %v, asked %d times", err, a.asked.Load())
	}
}

func TestClientReturnsWhenItsCallerGoes(t *testing.T) {
	a := newNode(t, 5)
	a.harm(trouble["silence"])
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{a.URL}, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := c.Send(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestReceiptsAndHeadersAreReadStrictly(t *testing.T) {
	hash := "0x" + strings.Repeat("ab", 32)
	var tx dodona.Digest
	if err := tx.UnmarshalText([]byte(hash)); err != nil {
		t.Fatal(err)
	}
	other := "0x" + strings.Repeat("cd", 32)
	for name, c := range map[string]struct {
		result string
		want   string // in the error; empty: none
	}{
		"success":              {`{"transactionHash":"` + hash + `","blockHash":"` + other + `","blockNumber":"0x10","status":"0x1","gasUsed":"0x5208","effectiveGasPrice":"0x7","contractAddress":null}`, ""},
		"nothing":              {`null`, "not found"},
		"no block's number":    {`{"transactionHash":"` + hash + `","blockHash":"` + other + `","status":"0x1"}`, "leaves out the block's number or the status"},
		"no status":            {`{"transactionHash":"` + hash + `","blockHash":"` + other + `","blockNumber":"0x10","status":null}`, "leaves out the block's number or the status"},
		"pending":              {`{"transactionHash":"` + hash + `","blockHash":null,"blockNumber":null}`, "not found"},
		"another transaction":  {`{"transactionHash":"` + other + `","blockHash":"` + other + `","blockNumber":"0x10"}`, "another transaction's"},
		"half a hash":          {`{"transactionHash":"0xab","blockHash":"` + other + `","blockNumber":"0x10"}`, "another transaction's"},
		"a block without hash": {`{"transactionHash":"` + hash + `","blockHash":"0xab","blockNumber":"0x10"}`, "1 bytes"},
		"a decimal number":     {`{"transactionHash":"` + hash + `","blockHash":"` + other + `","blockNumber":16}`, "cannot be read"},
		"a huge number":        {`{"transactionHash":"` + hash + `","blockHash":"` + other + `","blockNumber":"0x1ffffffffffffffff"}`, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newNode(t, 5)
			a.reply = func(string) string { return `{"id":1,"result":` + c.result + `}` }
			r, err := newClient(t, 5, a).Receipt(context.Background(), tx)
			if c.want == "" {
				if err != nil || !r.OK || r.Block != 16 || r.GasUsed != 21000 || r.GasPrice == nil || *r.GasPrice != 7 || r.Contract != nil {
					t.Errorf("got %+v, %v", r, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestAReceiptWithoutAPriceHasNone: some nodes leave it out, and 0 is a price that some chains have.
func TestAReceiptWithoutAPriceHasNone(t *testing.T) {
	for price, want := range map[string]string{"": "unknown", `,"effectiveGasPrice":null`: "unknown", `,"effectiveGasPrice":"0x0"`: "0", `,"effectiveGasPrice":"0x07"`: "7"} {
		a := newNode(t, 5)
		block := `"0x` + strings.Repeat("cd", 32) + `"`
		a.reply = func(string) string {
			return `{"id":1,"result":{"blockHash":` + block + `,"blockNumber":"0x10","status":"0x1"` + price + `}}`
		}
		r, err := newClient(t, 5, a).Receipt(t.Context(), dodona.Digest{1})
		got := "unknown"
		if r.GasPrice != nil {
			got = fmt.Sprint(*r.GasPrice)
		}
		if err != nil || got != want || r.GasUsed != 0 {
			t.Errorf("%s: price %s, receipt %+v, %v; want price %s", price, got, r, err, want)
		}
	}
}

func FuzzAnswersNeverPanic(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"result":"0x1"}`, `{"id":1,"result":null}`, `{"error":{"code":3,"message":"x","data":{"data":"0x08c379a0"}}}`, `{"id":1,"result":{"hash":"0x"}}`,
		`{"id":1,"result":{"blockHash":"0x00","transactionHash":"0x00"}}`, `[]`, ``, `{"id":1,"result":"0x-1"}`, `{"id":2,"result":"0x1"}`,
	} {
		f.Add([]byte(seed))
	}
	var text []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer server.Close()
	fuzztest.Run(f, func(t *testing.T, b []byte) {
		text = []byte(`{"id":1,"result":"0x1"}`)
		c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{server.URL}, Patience: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx := context.Background()
		if _, err := c.ChainID(ctx); err != nil {
			t.Fatal(err)
		}
		text = b
		_, _ = c.Nonce(ctx, dodona.Address{}, ethrpc.Latest)
		if w, err := c.Balance(ctx, dodona.Address{}, ethrpc.Latest); err == nil && w.Sign() < 0 {
			t.Errorf("a balance of %s", w)
		}
		_, _ = c.Header(ctx, ethrpc.Latest)
		_, _ = c.Receipt(ctx, dodona.Digest{1})
		_, _ = c.Storage(ctx, dodona.Address{}, dodona.Digest{}, ethrpc.Latest)
		_, _ = c.CallContract(ctx, ethrpc.Message{}, ethrpc.Latest)
	})
}

// limited answers 429 to whoever asks more often than every gap, and says for how long.
func (n *node) limited(gap time.Duration, header string) (refused *atomic.Int64) {
	refused = new(atomic.Int64)
	var mu sync.Mutex
	var next time.Time
	n.limit = func(w http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		if time.Now().Before(next) {
			refused.Add(1)
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		next = time.Now().Add(gap)
		return false
	}
	return refused
}

// TestAnEndpointWithALimitIsAskedAtItsPace: more requests than it takes at once all get their answers, and few are refused.
func TestAnEndpointWithALimitIsAskedAtItsPace(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	a := newNode(t, 5)
	refused := a.limited(150*time.Millisecond, "0")
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{a.URL}, ChainID: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for i := range 12 {
		if _, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if n := refused.Load(); n > 6 {
		t.Errorf("%d of 12 requests were refused first: the pace is not learned", n)
	}
}

// TestPatienceIsNoReasonToAskForTheChainAgain: an endpoint that has enough of requests gets none more than needed.
func TestPatienceIsNoReasonToAskForTheChainAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	a := newNode(t, 5)
	var all, refused atomic.Int64
	a.limit = func(w http.ResponseWriter) bool {
		if all.Add(1)%3 == 1 {
			return false
		}
		refused.Add(1)
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	c, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{a.URL}, ChainID: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for i := range 3 {
		if _, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if asked := a.asked.Load(); asked != 3 || all.Load()-refused.Load()-asked != 1 {
		t.Errorf("of %d requests %d were refused and %d were those of the test, want 3 and one for the chain", all.Load(), refused.Load(), asked)
	}
}

func TestPatienceIsLeftToTheOtherEndpoint(t *testing.T) {
	a, b := newNode(t, 5), newNode(t, 5)
	a.limited(time.Hour, "3600")
	c := newClient(t, 5, a, b)
	for i := range 5 { // the first of them is the last that a answers
		if _, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if a.asked.Load() > 1 || b.asked.Load() < 4 {
		t.Errorf("asked %d and %d times", a.asked.Load(), b.asked.Load())
	}
}

// TestErrorsThatAreNoRevertAreTheNodes holds that a call that one node cannot try is tried by the next.
func TestErrorsThatAreNoRevertAreTheNodes(t *testing.T) {
	for _, said := range []string{
		`{"code":-32000,"message":"missing trie node 0x12"}`, `{"code":-32000,"message":"header not found"}`, `{"code":-32005,"message":"try later"}`,
		`{"code":-32601,"message":"the method does not exist"}`, `{"code":-32603,"message":"internal error"}`, `{"code":-32000,"message":"state is pruned","data":"0x"}`,
	} {
		a, b := newNode(t, 5), newNode(t, 5)
		a.reply = func(string) string { return `{"id":1,"error":` + said + `}` }
		c := newClient(t, 5, a, b)
		if gas, err := c.EstimateGas(t.Context(), ethrpc.Message{}); err != nil || gas != 0x2a {
			t.Errorf("%s: %d, %v, want the second endpoint's 42", said, gas, err)
		}
	}
}

// TestWhoSaysInWordsAloneThatItIsAskedTooOftenIsLeftAlone: providers say it in many ways, with any code and status 200.
func TestWhoSaysInWordsAloneThatItIsAskedTooOftenIsLeftAlone(t *testing.T) {
	for _, said := range []string{
		`{"code":-32005,"message":"project ID request rate exceeded"}`,
		`{"code":-32007,"message":"50/second request limit reached - reduce calls per second or upgrade your account"}`,
		`{"code":-32005,"message":"You've exceeded the RPS limit available on the current plan"}`,
		`{"code":-32000,"message":"Your app has exceeded its compute units per second capacity"}`,
		`{"code":-32003,"message":"monthly quota is used up"}`,
		`{"code":-32090,"message":"Too many requests, reason: call rate limit exhausted"}`,
		`{"code":-32000,"message":"request was throttled"}`,
		`{"code":-32001,"message":"credits limit reached"}`,
	} {
		a := newNode(t, 5)
		a.reply = func(string) string {
			if a.asked.Load() == 1 {
				return `{"id":1,"error":` + said + `}`
			}
			return `{"id":1,"result":"0x2a"}`
		}
		c := newClient(t, 5, a)
		if n, err := c.EstimateGas(t.Context(), ethrpc.Message{}); err != nil || n != 0x2a || a.asked.Load() != 2 {
			t.Errorf("%s: %d, %v after %d requests, want it waited for and answered", said, n, err, a.asked.Load())
		}
	}
}

// TestWhatAContractRefusesIsNoLimitOfRequests, whatever words it has for that.
func TestWhatAContractRefusesIsNoLimitOfRequests(t *testing.T) {
	for _, said := range []string{
		`{"code":3,"message":"execution reverted: rate limit exceeded"}`,
		`{"code":-32000,"message":"execution reverted: daily quota exceeded"}`,
		`{"code":-32000,"message":"in-flight transaction limit reached for delegated accounts"}`,
	} {
		a := newNode(t, 5)
		a.reply = func(string) string { return `{"id":1,"error":` + said + `}` }
		c := newClient(t, 5, a)
		var heard *ethrpc.Error
		if err := c.Send(t.Context(), []byte{2}); !errors.As(err, &heard) || a.asked.Load() != 1 {
			t.Errorf("%s: %v, asked %d times, want the node's word at once", said, err, a.asked.Load())
		}
	}
}

func TestAByteOrderMarkBeforeAnAnswerIsLeftOut(t *testing.T) {
	a := newNode(t, 5)
	a.reply = func(string) string { return "\ufeff" + `{"id":1,"result":"0x2a"}` }
	c := newClient(t, 5, a)
	if n, err := c.EstimateGas(t.Context(), ethrpc.Message{}); err != nil || n != 0x2a {
		t.Errorf("got %d, %v, want 42", n, err)
	}
}

// TestALimitOfGasIsNoLimitOfRequests: what a transaction asks for is not mended by waiting.
func TestALimitOfGasIsNoLimitOfRequests(t *testing.T) {
	for _, said := range []string{"gas limit exceeded", "exceeds block gas limit", "transaction gas limit exceeded (cap: 16777216)"} {
		a := newNode(t, 5)
		a.reply = func(string) string { return `{"id":1,"error":{"code":-32000,"message":"` + said + `"}}` }
		c := newClient(t, 5, a)
		var heard *ethrpc.Error
		if err := c.Send(t.Context(), []byte{2}); !errors.As(err, &heard) || a.asked.Load() != 1 {
			t.Errorf("%s: %v, asked %d times, want the node's word at once", said, err, a.asked.Load())
		}
	}
}

func TestTheDataOfARevertIsFoundWhereverItIs(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`"0x08c379a0"`, "08c379a0"},
		{`{"data":"0x08c379a0"}`, "08c379a0"},
		{`{"originalError":{"code":3,"data":"0x08c379a0"}}`, "08c379a0"},
		{`"Reverted 0x08c379a0"`, "08c379a0"},
		{`{"result":"0x08c379a0"}`, "08c379a0"},
		{`"0x"`, ""},
		{`"0x1"`, ""},
		{`7`, ""},
		{`null`, ""},
		{`"none"`, ""},
		{`{"data":{"data":{"data":{"data":{"data":"0x00"}}}}}`, ""},
		{``, ""},
	} {
		if got := fmt.Sprintf("%x", (&ethrpc.Error{Data: json.RawMessage(c.data)}).Revert()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.data, got, c.want)
		}
	}
}
