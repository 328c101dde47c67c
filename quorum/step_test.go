package quorum_test

import (
	"encoding/json"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/signtest"
)

func TestAnHonestObservationBecomesAnAttestation(t *testing.T) {
	v := newValidator(t)
	e, out := attest(t, v, observe(price, 0, 43218_55000000))
	if len(out) != 1 || out[0].Topic != dodona.TopicData || out[0].Key != "btc.usd" || out[0].ID != "1795349070000" {
		t.Fatalf("got %+v, want one data record of btc.usd", out)
	}
	var a dodona.Answer
	if err := json.Unmarshal(out[0].Body, &a); err != nil {
		t.Fatal(err)
	}
	if a.Feed.ID() != price.ID() || a.Attestation.Report.Value != dodona.NewInt192(43218_55000000) {
		t.Errorf("got answer %+v", a)
	}
	signer, err := signtest.Recover(a.Attestation.Report.Digest(network.ID()), a.Attestation.Signatures[0])
	if err != nil || signer != member {
		t.Errorf("signed by %s (%v), want %s", signer, err, member)
	}
	if c := e.Claims[0]; c.Type != "report" || c.Subject != "btc.usd" || c.Observed != a.Attestation.Observed || c.Network != network.ID() {
		t.Errorf("got claim %+v", c)
	}
	if last, found := v.Last("btc.usd"); !found || last != 1795349070000 {
		t.Errorf("last round is %d, %t", last, found)
	}
}
