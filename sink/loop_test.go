package sink_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

func TestTwoEventsAtOnceAreTwoRecords(t *testing.T) {
	now := time.Now()
	one, err := sink.EventRecord("s", "reorg", "of the first", now)
	two, again := sink.EventRecord("s", "reorg", "of the second", now)
	if err != nil || again != nil || one.ID == two.ID {
		t.Errorf("IDs %q and %q, %v, %v", one.ID, two.ID, err, again)
	}
	if same, _ := sink.EventRecord("s", "reorg", "of the first", now); same.ID != one.ID {
		t.Errorf("the same event is %q and %q", one.ID, same.ID)
	}
}

func TestARecordIsLateAfterAMinute(t *testing.T) {
	now := time.Unix(1795349070, 0)
	for age, want := range map[time.Duration]bool{0: false, time.Minute: false, time.Minute + 1: true, time.Hour: true, -time.Hour: false} {
		if got := sink.Late(dodona.Record{Appended: now.Add(-age)}, now); got != want {
			t.Errorf("%v old: late %t, want %t", age, got, want)
		}
	}
	if sink.Late(dodona.Record{}, now) {
		t.Error("a record that does not say when it was appended is late")
	}
}

func TestAnEventSaysWhoAndWhatAndWhen(t *testing.T) {
	at := time.Unix(1795349070, 123456789).UTC()
	rec, err := sink.EventRecord("s", "funds", "low\x1b", at)
	if err != nil {
		t.Fatal(err)
	}
	digest := dodona.Keccak256([]byte("low·"))
	if want := fmt.Sprintf("s.funds.1795349070123456.%x", digest[:4]); rec.Topic != dodona.TopicEvent || rec.Key != dodona.EventDelivery || rec.ID != want {
		t.Errorf("%s %s %s, want the ID %s", rec.Topic, rec.Key, rec.ID, want)
	}
	var e sink.Event
	if err := json.Unmarshal(rec.Body, &e); err != nil || e != (sink.Event{Sink: "s", What: "funds", Message: "low·", At: at}) {
		t.Errorf("it says %+v, %v", e, err)
	}
}

func TestWhatIsToldHas4096BytesAtMost(t *testing.T) {
	for size, cut := range map[int]bool{4096: false, 4097: true} {
		text := strings.Repeat("x", size)
		event, err := sink.EventRecord("s", "funds", text, time.Now())
		receipt, err2 := sink.ReceiptRecord(dodona.Receipt{Sink: "s", Topic: dodona.TopicData, Key: "f", Record: "1", Status: dodona.ReceiptFinal, Detail: text})
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for what, body := range map[string][]byte{"an event": event.Body, "a receipt": receipt.Body} {
			if bytes.Contains(body, []byte("…")) != cut || !bytes.Contains(body, []byte(text[:4096])) {
				t.Errorf("%s of %d bytes is not cut after 4096 alone", what, size)
			}
		}
		if receipt.Topic != dodona.TopicReceipt || receipt.Key != "s" || receipt.ID != "data.f.1.final" {
			t.Errorf("a receipt is filed under %s %s %s", receipt.Topic, receipt.Key, receipt.ID)
		}
	}
}

func TestATimeThatJSONCannotSayIsAnError(t *testing.T) {
	never := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := sink.EventRecord("s", "funds", "", never); err == nil || !strings.HasPrefix(err.Error(), "write event funds: ") {
		t.Errorf("an event: %v", err)
	}
	if _, err := sink.ReceiptRecord(dodona.Receipt{Key: "f", Record: "1", At: never}); err == nil || !strings.HasPrefix(err.Error(), "write receipt of f 1: ") {
		t.Errorf("a receipt: %v", err)
	}
}

func TestWhatAnAnswerSaysIsReadOfItsReport(t *testing.T) {
	rec := sinktest.Valued(asked, 3, -7)
	if said, err := sink.SaidIn(rec); err != nil || said.Round.ID() != rec.ID || said.Value != dodona.NewInt192(-7) {
		t.Errorf("%+v, %v", said, err)
	}
	rec.Body = []byte("rubbish")
	if _, err := sink.SaidIn(rec); err == nil || !strings.HasPrefix(err.Error(), "read answer "+rec.ID+" of f: ") {
		t.Errorf("rubbish: %v", err)
	}
}

func TestAStallIsFoundInsideOtherErrors(t *testing.T) {
	cause := errors.New("who are you")
	if err := sink.Stalled(cause); !errors.Is(err, cause) || err.Error() != "who are you" {
		t.Errorf("%v", err)
	}
	if sink.Stalled(nil) != nil {
		t.Error("nothing is a trouble")
	}
}
