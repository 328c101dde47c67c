//go:build integration

package serial

import (
	"bufio"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A voice is a device that a test plays at the far end of a line.
type voice struct {
	t    *testing.T
	port *os.File
	near string
}

func newVoice(t *testing.T) *voice {
	t.Helper()
	near, far := peertest.Pty(t)
	port, err := os.OpenFile(far, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	return &voice{t, port, near}
}

func (v *voice) say(text string) {
	_, _ = v.port.WriteString(text) // the test may be over
}

// asked hands over each line that the source sends.
func (v *voice) asked(each func(n int)) {
	lines := bufio.NewScanner(v.port)
	go func() { // until the line is gone
		for n := 1; lines.Scan(); n++ {
			each(n)
		}
	}()
}

func (v *voice) settings() *Settings {
	s := Kind.Settings().(*Settings)
	s.Device, s.Timeout = v.near, 500*time.Millisecond
	s.Requests = map[string]Request{"reading": {Send: "R\r\n", Begins: "R "}}
	s.Complete()
	return s
}

// TestADeviceThatAnswersTwiceIsNotBelieved, nor one that answers too late: what it says may be to an earlier request.
func TestADeviceThatAnswersTwiceIsNotBelieved(t *testing.T) {
	t.Parallel()
	v := newVoice(t)
	v.asked(func(n int) {
		if n%2 == 1 { // too late, while the source waits for the line to be silent
			time.Sleep(700 * time.Millisecond)
			v.say("R 1\r\n")
			return
		}
		v.say("R 2\r\nR 3\r\n")
	})
	n := pumped(t, v.settings())
	twice := false
	n.until(func(all []dodona.Reading) bool {
		_, drops := n.look()
		twice = twice || strings.Contains(n.Status().LastError, "answers came to one request, and one of them may be to an earlier one")
		return twice && strings.Contains(drops, "a frame is dropped: it came when nothing was asked for, or too late")
	})
}

// TestWhatWasSaidWhileTheAdapterWasAwayIsAGap, with its cause.
func TestWhatWasSaidWhileTheAdapterWasAwayIsAGap(t *testing.T) {
	t.Parallel()
	c := newCable(t, "stream")
	c.plug(t)
	c.set(t, "say", sourcetest.Body(1))
	n := pumped(t, c.settings())
	n.until(func(all []dodona.Reading) bool { return len(all) > 0 })
	c.unplug(t)
	c.plug(t)
	n.until(func([]dodona.Reading) bool {
		_, drops := n.look()
		return strings.Contains(drops, "a gap of ") && strings.Contains(drops, " before the port was open: what the device said meanwhile did not come")
	})
}

// TestAnAnswerThatBeginsOtherwiseIsTold, which is the most usual mistake with a scale.
func TestAnAnswerThatBeginsOtherwiseIsTold(t *testing.T) {
	t.Parallel()
	v := newVoice(t)
	v.asked(func(int) { v.say("S S     12.345 kg\r\n") })
	pumped(t, v.settings()).untilError(`no answer in 500ms (timeout) that begins with "R "; what came is "S S     12.345 kg"`)
}

// TestAnAnswerWithoutItsEndIsToldAsSlow: byte by byte it does not come within timeout.
func TestAnAnswerWithoutItsEndIsToldAsSlow(t *testing.T) {
	t.Parallel()
	v := newVoice(t)
	v.asked(func(int) { v.say("R 1") })
	n := pumped(t, v.settings())
	n.until(func([]dodona.Reading) bool {
		_, drops := n.look()
		return strings.Contains(drops, "a frame is dropped: the rest of it did not come within timeout")
	})
}

// TestFramesThatNobodyTakesAreCounted: a line cannot be told to wait.
func TestFramesThatNobodyTakesAreCounted(t *testing.T) {
	t.Parallel()
	v := newVoice(t)
	s := v.settings()
	s.Requests = nil
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	var lost atomic.Int64
	o, err := Kind.Open(t.Context(), s, source.Env{Source: "scale", Now: time.Now, Dropped: func(n uint64, cause string) {
		if cause == "more frames came than the journal took" {
			lost.Add(int64(n))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	first := make(chan error, 1)
	go func() {
		_, err := o.Observe(t.Context())
		first <- err
	}()
	for heard := false; !heard; { // until it listens
		v.say("0\r\n")
		select {
		case err := <-first:
			if err != nil {
				t.Fatal(err)
			}
			heard = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	for range 2 * maxHeldFrames {
		v.say("1\r\n")
	}
	for end := time.Now().Add(time.Minute); lost.Load() < maxHeldFrames/2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d frames are counted as lost", lost.Load())
		}
	}
}
