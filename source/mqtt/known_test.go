package mqtt

import (
	"fmt"
	"testing"

	"github.com/dodona-oracle/dodona/internal/mqttc"
)

func message(payload string, over uint64, duplicate bool) letter {
	return letter{Message: mqttc.Message{Topic: "t", Payload: []byte(payload), QoS: 1, Duplicate: duplicate}, over: over}
}

func TestWhatIsSentAgainOverAnotherConnectionIsKnownOnce(t *testing.T) {
	k := newKnown(10)
	k.settle(message("a", 1, false), 4)
	for _, c := range []struct {
		name string
		l    letter
		want bool
	}{
		{"over the same connection", message("a", 1, true), false},
		{"not said to be sent again: two may say the same", message("a", 2, false), false},
		{"another one", message("b", 2, true), false},
		{"the same", message("a", 2, true), true},
		{"the same once more", message("a", 2, true), false},
	} {
		if got := k.again(c.l); got != c.want {
			t.Errorf("%s: known %v, want %v", c.name, got, c.want)
		}
	}
	for n := range 10 {
		k.settle(message(fmt.Sprint(n), 2, false), 4)
	}
	if len(k.settled) != 4 || k.again(message("5", 3, true)) || !k.again(message("6", 3, true)) {
		t.Errorf("%d are kept, want the last four", len(k.settled))
	}
}

func TestMessagesOfQoS0AreDroppedWhereThereIsNoRoomAndTheOthersAreNot(t *testing.T) {
	dropped := uint64(0)
	b := newInbox(5, func(n uint64, cause string) {
		if dropped += n; cause != "messages of QoS 0 came while there was no room for more" {
			t.Errorf("dropped because %s", cause)
		}
	})
	for n := range looseMessages + 7 {
		b.put(letter{Message: mqttc.Message{Payload: fmt.Append(nil, n)}}, true)
	}
	for range 5 {
		b.put(message("kept", 1, false), true)
	}
	if dropped != 7 {
		t.Errorf("%d dropped, want 7", dropped)
	}
	waits := make(chan struct{})
	go func() {
		b.put(message("waits", 1, false), true)
		close(waits)
	}()
	taken := 0
	for taken < looseMessages+6 {
		taken += len(b.take(100, 1<<20))
	}
	<-waits
	b.put(letter{Message: mqttc.Message{Payload: make([]byte, looseBytes)}}, true)
	b.put(letter{Message: mqttc.Message{Payload: []byte("x")}}, true)
	if dropped != 8 {
		t.Errorf("%d dropped, want one more for its bytes", dropped)
	}
	go func() { b.close() }()
	for range 6 {
		b.put(message("lost with the connection", 1, false), true)
	}
}
