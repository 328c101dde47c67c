package api_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/calldata"
)

func TestTheNewestAnswerIsServedAsAContractTakesIt(t *testing.T) {
	s, h := newAPI(api.Config{})
	for _, c := range []struct {
		target string
		status int
	}{
		{"/v1/feeds/btc.usd/latest?encoding=evm", http.StatusOK},
		{"/v1/feeds/btc.usd/latest?encoding=json", http.StatusOK},
		{"/v1/feeds/btc.usd/latest?encoding=xml", http.StatusBadRequest},
		{"/v1/feeds/quiet/latest?encoding=evm", http.StatusNotFound},
	} {
		w := ask(h, "GET", c.target)
		if w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.target, w.Code, w.Body, c.status)
		}
		if !strings.HasSuffix(c.target, "=evm") || w.Code != http.StatusOK {
			continue
		}
		data, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(w.Body.String()), "0x"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Latest(t.Context(), "btc.usd")
		if err != nil {
			t.Fatal(err)
		}
		report, proof, err := calldata.DecodeFeed(data)
		want := out.Answer.Attestation.Report
		if err != nil || report.Round != want.Round || report.Value != want.Value || len(proof.Votes) != out.Answer.Quorum.K {
			t.Errorf("got %+v with %d votes, %v; want %+v", report, len(proof.Votes), err, want)
		}
	}
}
