package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestAServerElsewhereIsNotStartedAgain, whatever it cannot read and for however long: nothing is asked, and nothing told.
func TestAServerElsewhereIsNotStartedAgain(t *testing.T) {
	l := &lane{j: &Journal{}, unreadOn: "a.subject"}
	long := time.Now().Add(-2 * unreadFor)
	l.stat.unread = long
	if l.stillUnread(t.Context()) || l.unreadOn != "" {
		t.Errorf("it is asked for %q again", l.unreadOn)
	}
	l.mendUnread(true)
	if l.stat.unread != long {
		t.Error("it begins anew, as after a start")
	}
}

// TestAWalkThatEndsBeforeTheLastRecordIsAnError: a store that cannot read a record ends there, and says that there is no more.
func TestAWalkThatEndsBeforeTheLastRecordIsAnError(t *testing.T) {
	j := open(t, Config{})
	l := &lane{j: j, spec: j.lanes[streamRaw].spec, streamName: "BLIND"}
	last := stored7()
	if _, err := j.nc.Subscribe("$JS.API.DIRECT.GET.BLIND", func(m *nats.Msg) {
		answer := nats.NewMsg(m.Reply)
		answer.Header.Set("Status", "404")
		if strings.Contains(string(m.Data), "last_by_subj") {
			answer.Header, answer.Data = last.Header, last.Data
		}
		_ = m.RespondMsg(answer)
	}); err != nil {
		t.Fatal(err)
	}
	for at, unread := range map[uint64]bool{1: true, 6: true, 7: true, 8: false} {
		page, err := l.afterEnd(t.Context(), last.Subject, at)
		if len(page) != 0 || errors.Is(err, errUnread) != unread || err != nil && !unread {
			t.Errorf("from %d on: %v, %v; want an error: %t", at, page, err, unread)
		}
	}
}
