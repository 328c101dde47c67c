package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAContractThatNobodyAnswersForIsNotOfAnUnknownKind: only a contract that refuses a call lacks the function.
func TestAContractThatNobodyAnswersForIsNotOfAnUnknownKind(t *testing.T) {
	for name, c := range map[string]struct {
		call string // what eth_call is answered with; empty: nothing
		code int
		want string
	}{
		"it refuses":   {`"error":{"code":3,"message":"execution reverted"}`, 0, "kind      unknown"},
		"it is silent": {"", exitFailed, "ask 0x0000000000000000000000000000000000000001 for its network():"},
	} {
		t.Run(name, func(t *testing.T) {
			chain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var asked struct {
					ID     json.RawMessage `json:"id"`
					Method string          `json:"method"`
				}
				_ = json.NewDecoder(r.Body).Decode(&asked) // what is none has no method
				said := `"result":"0x6001"`
				if asked.Method == "eth_call" {
					said = c.call
				}
				if said == "" {
					panic(http.ErrAbortHandler)
				}
				_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, asked.ID, said)
			}))
			t.Cleanup(chain.Close)
			code, out, talk := said(t, "contract", "show", "0x0000000000000000000000000000000000000001", "--rpc", chain.URL)
			if code != c.code || !strings.Contains(out+talk, c.want) {
				t.Errorf("exit %d, %q, want %q", code, out+talk, c.want)
			}
		})
	}
}
