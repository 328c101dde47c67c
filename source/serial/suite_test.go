//go:build integration

package serial

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A cable is a pair of ports of socat, with a device of pyserial at its far end.
type cable struct {
	near, far, folder, mode string
	socat, device           *peertest.Process
	python                  string
}

func newCable(t *testing.T, mode string) *cable {
	t.Helper()
	dir := t.TempDir()
	return &cable{
		near: filepath.Join(dir, "near"), far: filepath.Join(dir, "far"), folder: t.TempDir(), mode: mode, python: peertest.Python(t),
	}
}

// plug connects the device.
func (c *cable) plug(t *testing.T) {
	t.Helper()
	if c.socat != nil {
		c.socat.Restart()
	} else {
		c.socat = peertest.Start(t, peertest.Command{
			Name: peertest.Debian(t, "socat"),
			Args: []string{"pty,raw,echo=0,link=" + c.near, "pty,raw,echo=0,link=" + c.far},
			Ready: func(context.Context) error {
				if _, err := os.Stat(c.near); err != nil {
					return err
				}
				_, err := os.Stat(c.far)
				return err
			},
		})
	}
	if c.device != nil {
		c.device.Restart()
		return
	}
	c.device = peertest.Start(t, peertest.Command{Name: c.python, Args: []string{"testdata/device.py", c.far, c.folder, c.mode}, ReadyLine: "ready"})
}

// unplug takes adapter and device away, without a word.
func (c *cable) unplug(*testing.T) {
	if c.socat != nil {
		c.socat.Kill()
		c.device.Kill()
	}
}

// set gives the device something to do; the file appears whole.
func (c *cable) set(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(c.folder, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (c *cable) unset(name string) { _ = os.Remove(filepath.Join(c.folder, name)) }

func (c *cable) settings() *Settings {
	s := Kind.Settings().(*Settings)
	s.Device = c.near
	if c.mode == "ask" {
		s.Requests = map[string]Request{"reading": {Send: "R\r\n", Begins: "R "}}
		s.Timeout = 500 * time.Millisecond
	} else {
		s.Expect = time.Second
	}
	s.Complete()
	return s
}

// TestSuiteOfADeviceThatSpeaks: one that is frozen or mute says nothing, which is told by expect alone.
func TestSuiteOfADeviceThatSpeaks(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		c := newCable(t, "stream")
		return sourcetest.Subject{
			Kind: Kind, Settings: c.settings(), Start: c.plug, Stop: c.unplug,
			Say: func(t *testing.T, n int) { c.set(t, "say", sourcetest.Body(n)) },
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { c.device.Freeze() },
				Thaw:   func(*testing.T) { c.device.Thaw() },
				Kill:   c.unplug,
				Flood:  func(t *testing.T, n int) { c.set(t, "flood", fmt.Sprint(n)) },
				Drip:   func(t *testing.T) { c.set(t, "slow", "") },
				Flow:   func(*testing.T) { c.unset("slow") },
			},
		}
	})
}

// TestSuiteOfADeviceThatIsAsked: the late answer comes in front of that to the next request.
func TestSuiteOfADeviceThatIsAsked(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		c := newCable(t, "ask")
		return sourcetest.Subject{
			Kind: Kind, Settings: c.settings(), Start: c.plug, Stop: c.unplug,
			Say: func(t *testing.T, n int) { c.set(t, "say", sourcetest.Body(n)) },
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { c.device.Freeze() },
				Thaw:   func(*testing.T) { c.device.Thaw() },
				Kill:   c.unplug,
				Drip:   func(t *testing.T) { c.set(t, "slow", "") },
				Flow:   func(*testing.T) { c.unset("slow") },
				Late:   func(t *testing.T) { c.set(t, "late", "") },
			},
		}
	})
}

// TestOneRequestWithoutAnAnswerHidesNoOther asks for what the device does not know.
func TestOneRequestWithoutAnAnswerHidesNoOther(t *testing.T) {
	t.Parallel()
	c := newCable(t, "ask")
	c.plug(t)
	c.set(t, "say", sourcetest.Body(1))
	s := c.settings()
	s.Requests["another"] = Request{Send: "X\r\n"}
	n := pumped(t, s)
	readings := n.until(func(all []dodona.Reading) bool { return len(all) >= 4 })
	for _, r := range readings {
		good := r.Item == "reading"
		if (r.Quality == dodona.Good) != good || good != strings.Contains(string(r.Body), sourcetest.Mark(1)) || !good && !strings.Contains(r.Detail, "another: no answer in 500ms") {
			t.Errorf("reading %+v: want a good one of reading and a bad one of another, with its cause", r)
		}
	}
}

// TestAPortIsForOneSourceAlone, whoever the user is.
func TestAPortIsForOneSourceAlone(t *testing.T) {
	t.Parallel()
	c := newCable(t, "stream")
	c.plug(t)
	c.set(t, "say", sourcetest.Body(1))
	first := pumped(t, c.settings())
	first.until(func(all []dodona.Reading) bool { return len(all) > 0 })
	second := pumped(t, c.settings())
	second.untilError("has it open")
}
