package bus

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestAStoreThatBreaksAgainAndAgainRests, for longer each time, and what it said is told until it has lived for long. One that broke once does not.
func TestAStoreThatBreaksAgainAndAgainRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(Server)
		for n, want := range []time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, longestRest, longestRest} {
			s.count("no room")
			if told := s.BrokeOften() != ""; told != (want > 0) {
				t.Errorf("break %d is told: %v", n, told)
			}
			if want > 0 {
				time.Sleep(want)
				if s.Rests() == "" {
					t.Errorf("after break %d it does not rest for %s", n, want)
				}
			}
			time.Sleep(time.Millisecond)
			if s.Rests() != "" {
				t.Errorf("after break %d it rests for more than %s", n, want)
			}
		}
		time.Sleep(LivesAfter)
		if s.BrokeOften() != "" {
			t.Error("it is told for ever")
		}
		if s.count("no room"); s.Rests() != "" {
			t.Error("it lived for long, and rests when it breaks once")
		}
	})
}

// TestTheServersWordsAreUnderstood: of what it says of its store, a full disk breaks it, and so many words say that it drops records.
func TestTheServersWordsAreUnderstood(t *testing.T) {
	for said, want := range map[string]string{
		"Filestore [PROOF-01] Critical write error: no space left on device":           "broke",
		"JetStream failed to store a msg on stream '$G > RAW-01': disk quota exceeded": "broke",
		"Filestore [PROOF-01] indexCacheBuf corrupt record state in 1.blk":             "dropped PROOF-01",
		"Filestore [PROOF-01] Stream state outdated":                                   "",
	} {
		got := ""
		s := &Server{current: idle{}, c: ServerConfig{Log: slog.New(slog.DiscardHandler)}}
		s.Store = Store{Broke: func() { got = "broke" }, Dropped: func(stream string) { got = "dropped " + stream }}
		serverLog{s}.Warnf("%s", said)
		serverLog{s}.Errorf("%s", said)
		if got != want {
			t.Errorf("%q is understood as %q, want %q", said, got, want)
		}
		if s.Broken() != (want == "broke") || s.CannotWrite() != s.Broken() {
			t.Errorf("after %q broken is %v, and cannot write %v", said, s.Broken(), s.CannotWrite())
		}
	}
}

// TestAnIndexThatIsMadeAnewIsNoWarning: after a kill nothing is wrong, and what else is wrong with an index is said as it is.
func TestAnIndexThatIsMadeAnewIsNoWarning(t *testing.T) {
	for said, want := range map[string]string{
		"Filestore [PROOF-01] Stream state outdated, last block has additional entries, will rebuild": "",
		"Filestore [PROOF-01] Recovering stream state from index errored: prior state file":           `level=INFO msg="journal: it did not end in order, as after a kill or a power cut: the index of its records is made anew from them" stream=PROOF-01`,
		"Filestore [PROOF-01] Recovering stream state from index errored: permission denied":          `level=WARN msg="journal: Filestore [PROOF-01] Recovering stream state from index errored: permission denied"`,
	} {
		var log logtest.Text
		serverLog{&Server{c: ServerConfig{Log: slog.New(slog.NewTextHandler(&log, nil))}}}.Warnf("%s", said)
		if got := log.String(); !strings.HasSuffix(strings.TrimSpace(got), want) || want == "" && got != "" {
			t.Errorf("of %q the log says %q, want %q", said, got, want)
		}
	}
}

// TestWhatIsDroppedAtAStartIsNoNews: the check of the folder and what is vouched for say it.
func TestWhatIsDroppedAtAStartIsNoNews(t *testing.T) {
	s := &Server{c: ServerConfig{Log: slog.New(slog.DiscardHandler)}}
	s.Store.Dropped = func(stream string) { t.Errorf("%s is told", stream) }
	serverLog{s}.Warnf("Filestore [PROOF-01] indexCacheBuf corrupt record state in 1.blk")
}

// An idle engine is never asked anything.
type idle struct{ engine }

func TestOnlyDroppedRecordsAreTakenForThat(t *testing.T) {
	for text, want := range map[string]string{
		"Filestore [PROOF-07] indexCacheBuf corrupt record state in /x/2.blk: dlen 1": "PROOF-07",
		"Filestore [PROOF-07] indexCacheBuf corrupt state in /x/2.blk":                "PROOF-07",
		"Filestore [PROOF-07] Stream state corrupt subject detected":                  "",
		"Filestore [PROOF-07]":             "",
		"indexCacheBuf corrupt":            "",
		"Filestore indexCacheBuf corrupt]": "",
	} {
		if got := droppedFrom(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
