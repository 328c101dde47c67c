package evm

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A fork is an endpoint whose block 7 is replaced while it is read: it answers for the hash of hashes that comes next, and the contract says
// how many blocks 7 there were.
type fork struct {
	mu     sync.Mutex
	hashes []string // of block 7, one for each time that it is asked for; the last one stays; empty: there is none
	asked  int
	latest string
}

func (f *fork) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	_ = json.NewDecoder(r.Body).Decode(&q)
	f.mu.Lock()
	defer f.mu.Unlock()
	result := `"0x1"`
	switch q.Method {
	case "eth_getBlockByNumber":
		hash := f.hashes[min(f.asked, len(f.hashes)-1)]
		f.asked++
		if hash == "" {
			result = "null"
			break
		}
		f.latest = hash
		result = fmt.Sprintf(`{"number":"0x7","hash":"0x%064s","parentHash":"0x%064s","timestamp":"0x65000000","baseFeePerGas":"0x1","gasLimit":"0x1c9c380"}`, hash, "6")
	case "eth_call":
		n, _ := new(big.Int).SetString(f.latest, 16)
		result = fmt.Sprintf(`"0x%064x"`, n)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, result)
}

// TestABlockThatIsReplacedWhileItIsReadIsNoAnswer: the next one is read once more, and then the exchange fails until the chain is quiet.
func TestABlockThatIsReplacedWhileItIsReadIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hashes []string
		value  string // empty: there is none
	}{
		"quiet":               {[]string{"a"}, "10"},
		"replaced once":       {[]string{"a", "b"}, "11"},
		"gone, and come back": {[]string{"a", "", "c", "c"}, "12"},
		"replaced again":      {[]string{"a", "b", "c", "d"}, ""},
		"gone for good":       {[]string{"a", "", "b", ""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&fork{hashes: c.hashes})
			t.Cleanup(server.Close)
			s := Kind.Settings().(*Settings)
			s.RPC, s.ChainID, s.Contract, s.Call = []string{server.URL}, 1, dodona.Address{19: 0xc0}, "read()(uint256 value)"
			if err := Kind.Check(s); err != nil {
				t.Fatal(err)
			}
			o, err := Kind.Open(t.Context(), s, source.Env{Source: "price"})
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			b, err := o.Observe(t.Context())
			switch {
			case c.value == "" && (err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "block 7: the block was replaced while it was read")):
				t.Errorf("got %v, %v", b.Readings, err)
			case c.value != "" && (err != nil || len(b.Readings) != 1 || !strings.Contains(string(b.Readings[0].Body), `"value":"`+c.value+`"`)):
				t.Errorf("got %+v, %v, want %s", b.Readings, err, c.value)
			}
		})
	}
}
