package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/webhook"
)

// TestAnAnswerWhoseStatusGetsLostComesAgainUnderItsName: on a connection that was kept Go's client repeats it at once, with all headers as they were; on
// a new one it is a failed try. A receiver tells both by webhook-id.
func TestAnAnswerWhoseStatusGetsLostComesAgainUnderItsName(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	took := make(chan http.Header, 16) // each request that was read whole
	loses := make(chan bool, 16)       // whether its status gets lost
	p.say(func(w http.ResponseWriter, r *http.Request) {
		took <- r.Header
		if <-loses {
			hijack(w, "")
		}
	})
	w, err := webhook.Kind.Open(t.Context(), settings("http://"+p.address), sink.Env{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	post := func(id string, lost ...bool) ([]dodona.Receipt, error) {
		for _, l := range lost {
			loses <- l
		}
		return w.Deliver(t.Context(), []dodona.Record{{Topic: dodona.TopicData, Key: question.Name, ID: id, Body: []byte("{}")}})
	}
	if receipts, err := post("1", true); err == nil || len(receipts) != 0 || len(took) != 1 {
		t.Errorf("on a new connection: %v, %v, %d requests; want a failed try", receipts, err, len(took))
	}
	<-took
	if receipts, err := post("1", false); err != nil || len(receipts) != 1 || len(took) != 1 {
		t.Errorf("the next try: %v, %v, %d requests", receipts, err, len(took))
	}
	if first := <-took; first.Get("Idempotency-Key") != "data/btc.usd/1" {
		t.Errorf("the request is named %q", first.Get("Idempotency-Key"))
	}
	if receipts, err := post("2", true, false); err != nil || len(receipts) != 1 || len(took) != 2 {
		t.Fatalf("on the kept connection: %v, %v, %d requests; want that it is repeated at once", receipts, err, len(took))
	}
	first, again := <-took, <-took
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Idempotency-Key"} {
		if first.Get(name) != again.Get(name) || first.Get(name) == "" {
			t.Errorf("%s is %q, and then %q", name, first.Get(name), again.Get(name))
		}
	}
}
