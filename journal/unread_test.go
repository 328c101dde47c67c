package journal

import (
	"testing"
	"time"
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
