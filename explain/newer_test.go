package explain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/internal/table"
)

func TestTheNewestAnswerSaysThatNewerRoundsWereMissed(t *testing.T) {
	p := newPlant(t)
	for n := range 2 {
		p.attest(t, p.observe(t, n))
	}
	answered := dodona.RoundAt(start.Add(10 * time.Second))
	if s := explained(t, p, answered); s.Newer != nil {
		t.Errorf("nothing was missed, and the story says %+v", s.Newer)
	}
	p.bodies = nil
	var last dodona.Bundle
	for n := range 3 {
		last = p.observe(t, 2+n)
	}
	s := explained(t, p, answered)
	if s.Newer == nil || s.Newer.Missed != 3 || s.Newer.Last != last.Round || s.Newer.Reason != last.Missed {
		t.Fatalf("three rounds were missed, and the story says %+v", s.Newer)
	}
	var text strings.Builder
	if err := s.Show(&text, explain.View{Flags: "--api http://10.0.0.1:8080"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"! 3 newer rounds were missed, the last because need 1 value, 0 remain",
		fmt.Sprintf("; dodona explain btc.usd %d --api http://10.0.0.1:8080\n", uint64(last.Round)),
		fmt.Sprintf("replay: dodona bundle export btc.usd %d --api http://10.0.0.1:8080 | dodona replay -\n", uint64(answered)),
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	if s := explained(t, p, dodona.RoundAt(start)); s.Newer != nil {
		t.Errorf("it is not the newest answer, and its story says %+v", s.Newer)
	}
	if s := explained(t, p, last.Round); s.Newer != nil {
		t.Errorf("a missed round tells of itself, not of newer ones: %+v", s.Newer)
	}
}

func TestOneMissedRoundIsOne(t *testing.T) {
	if got := (explain.Newer{Missed: 1, Reason: "nobody came"}).String(); got != "1 newer round was missed: nobody came" {
		t.Errorf("got %q", got)
	}
	if got := (explain.Newer{Missed: explain.MaxNewer, More: true, Reason: "x"}).String(); got != "more than 1000 newer rounds were missed, the last because x" {
		t.Errorf("got %q", got)
	}
}

// intent journals a step of what a sink is about to do with the answer of a round, as the sink does.
func (p *plant) intent(t *testing.T, number uint64, step int, state intent.State, round dodona.Round, at time.Time, attempts int) {
	t.Helper()
	e := intent.Entry{Chain: 1, Sender: dodona.Address{1}, Intent: intent.Intent{
		Number: number, Step: step, State: state, Nonce: 12, Attempts: make([]intent.Attempt, attempts),
		Payload: &intent.Payload{Topic: dodona.TopicData, Feed: btc, Round: round},
	}}
	for n := range e.Intent.Attempts {
		e.Intent.Attempts[n] = intent.Attempt{Hash: dodona.Digest{0xab, 31: byte(n + 1)}, To: dodona.Address{0x5f}, At: at}
	}
	p.put(t, dodona.TopicIntent, "main", fmt.Sprintf("%d.%d", number, step), at, e)
}

func TestAnAnswerOnItsWayNamesItsTransaction(t *testing.T) {
	p, b := three(t)
	at := b.Round.Time().Add(time.Second)
	on := explain.Options{Sinks: []string{"main", "quiet"}}
	pending := func(r dodona.Round) string {
		t.Helper()
		s, err := explain.Round(t.Context(), p, btc, r, on)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, p := range s.Pending {
			if lines = append(lines, p.String()); !strings.Contains(s.String(), "  on its way   "+p.String()) {
				t.Errorf("%q is not in\n%s", p, s)
			}
		}
		return strings.Join(lines, "\n")
	}
	if got := pending(b.Round); got != "" {
		t.Errorf("nothing is planned, and the story says %q", got)
	}
	p.intent(t, 3, 0, intent.Planned, b.Round, at, 0)
	if got, want := pending(b.Round), "main: planned, no transaction yet, since 2026-11-22T12:04:41Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.intent(t, 3, 1, intent.Sent, b.Round, at.Add(3*time.Second), 2)
	if got, want := pending(b.Round), "main: sent, tx 0xab00…0002, nonce 12, the 2nd of this nonce, since 2026-11-22T12:04:41Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.intent(t, 4, 0, intent.Planned, b.Round+10000, at.Add(4*time.Second), 0)
	if got := pending(b.Round); !strings.Contains(got, "nonce 12") {
		t.Errorf("a later answer that is planned hides the one that was sent: %q", got)
	}
	p.intent(t, 3, 2, intent.Superseded, b.Round, at.Add(5*time.Second), 2)
	if got, want := pending(b.Round), fmt.Sprintf("main: round %d goes instead, planned, no transaction yet, since 2026-11-22T12:04:45Z", uint64(b.Round+10000)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for step, is := range []struct {
		state    intent.State
		onItsWay bool
	}{{intent.Signed, true}, {intent.Final, false}, {intent.Sent, true}, {intent.Reverted, false}, {intent.Mined, true}, {intent.Dead, false}} {
		p.intent(t, 5, step, is.state, b.Round, at.Add(time.Duration(6+step)*time.Second), 1)
		if got := pending(b.Round); strings.HasPrefix(got, "main: "+string(is.state)+", tx ") != is.onItsWay {
			t.Errorf("an intent that is %s is told as %q", is.state, got)
		}
	}
	final := dodona.Receipt{Sink: "main", Topic: dodona.TopicData, Key: btc, Record: b.Round.ID(), Status: dodona.ReceiptFinal, At: at}
	p.put(t, dodona.TopicReceipt, "main", "", at.Add(time.Hour), final)
	if got := pending(b.Round); got != "" {
		t.Errorf("it is final, and the story says %q", got)
	}
}

func TestAStoryFitsTheTerminalAndLosesNothing(t *testing.T) {
	// Two of them are not shown byte for byte: behind a text from right to left stands a mark, and a selector of variants is left out.
	for _, reason := range []string{"the pointer leads nowhere ", "אין מספר במקום הזה ", "the pointer leads to ⚠\ufe0f "} {
		p, b := three(t)
		edit(t, p, dodona.TopicRound, b.Round, func(b *dodona.Bundle) {
			b.Inputs[0].Point = strings.Repeat("name-", 12) + "end"
			b.Inputs[2].Reason = strings.Repeat(reason, 10) + "at all"
		})
		s := explained(t, p, b.Round)
		unbroken := func(text string) string {
			return strings.ReplaceAll(strings.Join(strings.Fields(text), ""), "\u200e", "")
		}
		for _, width := range []int{30, 50, 60, 80, 100, 140, 400} {
			var text strings.Builder
			if err := s.Show(&text, explain.View{Width: width}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(text.String()) {
				if n := table.Measure(strings.NewReplacer("\n", "", "\u200e", "").Replace(line)); n > width && !strings.HasPrefix(line, "replay: ") {
					t.Errorf("%q, %d columns: %q has %d", reason, width, line, n)
				}
			}
			if got, want := unbroken(text.String()), unbroken(s.String()); got != want {
				t.Errorf("%q, %d columns: it says\n%s\nand unbroken\n%s", reason, width, got, want)
			}
		}
	}
}
