package sink

import (
	"fmt"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestTheNewest4096ReceiptsAreRemembered(t *testing.T) {
	name := func(i int) string { return nameOf(dodona.TopicData, "f", fmt.Sprint(i)) }
	e := &ended{set: make(map[string]bool)}
	has := func(i int) bool {
		return len(e.without([]dodona.Record{{Topic: dodona.TopicData, Key: "f", ID: fmt.Sprint(i)}})) == 0
	}
	for i := range 4096 {
		e.add(name(i))
		e.add(name(0)) // what is there takes no place
	}
	for i := range 4096 {
		if !has(i) {
			t.Fatalf("receipt %d of 4096 is forgotten", i)
		}
	}
	for i := 4096; i < 3*4096; i++ {
		e.add(name(i))
		if has(i-4096) || !has(i-4095) || !has(i) || len(e.set) != 4096 {
			t.Fatalf("after receipt %d: the one of 4096 before is remembered %t, the next %t, itself %t, %d in all", i, has(i-4096), has(i-4095), has(i), len(e.set))
		}
	}
}

func TestARecordIsKnownByTopicAndKeyAndID(t *testing.T) {
	e := &ended{set: make(map[string]bool)}
	e.add(nameOf(dodona.TopicData, "f", "1"))
	recs := []dodona.Record{
		{Topic: dodona.TopicAnchor, Key: "f", ID: "1"},
		{Topic: dodona.TopicData, Key: "g", ID: "1"},
		{Topic: dodona.TopicData, Key: "f", ID: "2"},
		{Topic: dodona.TopicData, Key: "f", ID: "1"},
	}
	if got := e.without(recs); len(got) != 3 {
		t.Errorf("left %+v", got)
	}
}
