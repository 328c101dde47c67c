//go:build integration

package evm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	client "github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// tells returns the newest event of a sort.
func (r *rig) tells(what string) (message string) {
	r.t.Helper()
	for rec, err := range r.journal.Scan(context.Background(), dodona.TopicEvent, dodona.EventDelivery, nil) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			r.t.Fatal(err)
		}
		var e sink.Event
		if err := json.Unmarshal(rec.Body, &e); err == nil && e.What == what {
			message = e.Message
		}
	}
	return message
}

// forgetful is a node in front of another one that keeps the state of the newest block only, as most do.
func forgetful(t *testing.T, before string) string {
	t.Helper()
	target, err := url.Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		var call struct {
			ID     json.RawMessage
			Method string
			Params []json.RawMessage
		}
		if json.Unmarshal(body, &call) == nil && call.Method == "eth_call" && string(call.Params[1]) != `"latest"` {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"missing trie node 8a3f (path ) state 0x8a3f is not available"}}`, call.ID)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// signedByAStranger has answers signed by nobody whom the contract knows.
func signedByAStranger(r *rig) {
	r.signer = key(r.t, "stranger")
	r.quorum.Members = []dodona.Address{r.signer.Address()}
}

// TestWhyABlockRevertedATransactionIsSaid in the event, the receipt and the status, in words and with what to do. What is sent blindly, with a
// limit of its own, is reverted without a word.
func TestWhyABlockRevertedATransactionIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*rig)
		ahead   time.Duration // of the clock that the round is
		want    []string
	}{
		"signed by others": {
			prepare: signedByAStranger,
			want:    []string{"BadProof: the signatures are not those of the contract's quorum", "is of network 0x"},
		},
		"for another network": {
			prepare: func(r *rig) { r.network.Name = "other" },
			want:    []string{"belongs to network"},
		},
		"of the future": {
			ahead: time.Minute,
			want:  []string{"FutureRound(", "more than 15 s ahead of the block's clock; set the node's clock"},
		},
		"with too little gas": {
			prepare: func(r *rig) { r.settings.Gas = 30_500 },
			want:    []string{"it used up its limit of 30,500 gas; raise `gas`, or leave it out"},
		},
		"at a node that forgets": {
			prepare: func(r *rig) {
				signedByAStranger(r)
				r.settings.RPC = []string{forgetful(r.t, r.chain.URL)}
			},
			want: []string{"BadProof", "that is of now: no endpoint can try it at block", "missing trie node"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.settings.Gas, r.settings.Confirmations = 200_000, 1
			if c.prepare != nil {
				c.prepare(r)
			}
			r.begin()
			if c.want[0] == "belongs to network" { // that is known before anything is paid
				r.say(1)
				r.until("it is told", func() bool { return strings.Contains(r.tells("contract"), c.want[0]) })
				return
			}
			round := dodona.RoundAt(time.Now().Add(c.ahead).Truncate(time.Second))
			r.attest(question, round, 1)
			r.until("it is told", func() bool { return r.tells("reverted") != "" })
			r.until("the status says it", func() bool { return strings.Contains(r.loop.Status().LastError, c.want[0]) })
			detail := ""
			for _, receipt := range r.receipts(round) {
				if receipt.Status == dodona.ReceiptReverted {
					detail = receipt.Detail
				}
			}
			for where, text := range map[string]string{"event": r.tells("reverted"), "receipt": detail, "status": r.loop.Status().LastError} {
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("the %s says %q, want %q in it", where, text, want)
					}
				}
			}
			if n, err := r.chain.Nonce(t.Context(), r.payer.Address(), client.Latest); err != nil || n == 0 {
				t.Errorf("%d transactions, %v", n, err)
			}
		})
	}
}
