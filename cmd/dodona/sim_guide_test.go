//go:build integration && !no.sim

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

// A simulated is a running dodona sim at free ports.
type simulated struct {
	cmd      *exec.Cmd
	in       io.Writer
	out, err *logtest.Text
}

func launchSim(t *testing.T, dir string, more ...string) *simulated {
	t.Helper()
	args := append([]string{"sim", "--modbus", "0", "--coap", "0", "--mqtt", "0", "--opcua", "0"}, more...)
	s := &simulated{cmd: exec.Command(must(binary()), args...), out: new(logtest.Text), err: new(logtest.Text)}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, s.out, s.err
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	return s
}

// says waits until the plant printed something after what it had printed, and returns all since then.
func (s *simulated) says(t *testing.T, line string, has func(said string) bool) (said string) {
	t.Helper()
	before := len(s.out.String())
	if line != "" {
		if _, err := fmt.Fprintln(s.in, line); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, patience, func() error {
		if said = s.out.String()[before:]; has(said) {
			return nil
		}
		return fmt.Errorf("after %q it says %q and %q", line, said, s.err)
	})
	return said
}

// withConfig writes the configuration that the plant prints.
func (s *simulated) withConfig(t *testing.T, dir string) {
	t.Helper()
	s.says(t, "", func(string) bool { return strings.Contains(s.out.String(), "strokes\n") })
	text := s.says(t, "config", func(said string) bool { return strings.Contains(said, "press.strokes: {decimals") })
	if err := os.WriteFile(filepath.Join(dir, "plant.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// feedsOf returns the feeds of a node by name.
func feedsOf(p *process) (map[string]api.FeedStatus, error) {
	body, err := get(p.url + "/v1/feeds")
	if err != nil {
		return nil, err
	}
	var page api.FeedPage
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, err
	}
	feeds := map[string]api.FeedStatus{}
	for _, f := range page.Feeds {
		feeds[f.Name] = f
	}
	return feeds, nil
}

// TestANodeReadsTheWholePlantAndTellsItsFaults: each point by its protocol, then a fault of each sort with its cause, and all is well again after it.
func TestANodeReadsTheWholePlantAndTellsItsFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launchSim(t, dir)
	s.withConfig(t, dir)
	p := launch(t, dir, "run", "plant.yaml", "--listen", "127.0.0.1:0")
	p.awaitURL()
	since := map[string]dodona.Round{}
	allWell := func() {
		t.Helper()
		eventually(t, 2*patience, func() error {
			feeds, err := feedsOf(p)
			if err != nil || len(feeds) != 13 {
				return fmt.Errorf("%d feeds: %w", len(feeds), err)
			}
			for name, f := range feeds {
				if f.Latest == nil || f.Missed != nil || f.Quality != dodona.Good || !f.Latest.Attested || f.Latest.Round <= since[name] {
					return fmt.Errorf("%s: %s, %s\n%s", name, f.Quality, f.Reason, p.stderr)
				}
			}
			return nil
		})
	}
	allWell()
	for _, round := range []map[string][2]string{ // what is ordered, and which feed then misses rounds why
		{
			"unplug boiler": {"boiler.temperature", `the connection was closed|connection reset|EOF`},
			"lie press":     {"press.force", `BadSensorFailure`},
			"unplug pump":   {"pump.speed", `.`},
			"freeze flow":   {"flow.rate", `no data for`},
		},
		{
			"freeze modbus": {"boiler.pressure", `no answer within the timeout`},
			"unplug mqtt":   {"power.power", `no message for .*(reset|closed|EOF)`},
			"freeze press":  {"press.force", `measured .* before the round|no answer|no notification`},
		},
	} {
		for order := range round {
			s.says(t, order, func(said string) bool { return strings.Contains(said, order) })
		}
		for order, c := range round {
			feed, why := c[0], regexp.MustCompile(c[1])
			eventually(t, 2*patience, func() error {
				feeds, err := feedsOf(p)
				if err != nil {
					return err
				}
				f := feeds[feed]
				if f.Missed == nil || !why.MatchString(f.Missed.Reason) {
					return fmt.Errorf("%s: %s misses no round for %s: %+v", order, feed, why, f.Missed)
				}
				since[feed] = f.Missed.Round
				return nil
			})
		}
		for order := range round {
			name := strings.Fields(order)[1]
			s.says(t, "plug "+name, func(said string) bool { return strings.Contains(said, "plug "+name) })
		}
		allWell()
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil || !strings.HasSuffix(s.err.String(), "the plant has stopped\n") {
		t.Errorf("interrupted it ends with %v and says\n%s", err, s.err)
	}
}

// TestFaultsComeAndGoAsTheyAreOrdered: by flags, for some time, as lines of JSON.
func TestFaultsComeAndGoAsTheyAreOrdered(t *testing.T) {
	t.Parallel()
	s := launchSim(t, t.TempDir(), "--json", "--fault", "unplug boiler after 100ms for 100ms", "--fault", "freeze coap after 50ms")
	faults := func() (list []string) {
		for _, line := range strings.Split(s.out.String(), "\n")[1:] {
			var f simFault
			if json.Unmarshal([]byte(line), &f) == nil && f.Name != "" {
				list = append(list, string(f.Fault)+" "+f.Name)
			}
		}
		return list
	}
	want := []string{"freeze coap", "unplug boiler", "plug boiler"}
	s.says(t, "", func(string) bool { return slices.Equal(faults(), want) })
	if _, err := fmt.Fprintln(s.in, "melt boiler\nunplug kettle\nplug flow after"); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error {
		for _, why := range []string{`no fault is called "melt"`, `nothing in the plant is called "kettle"`, `"plug flow after" is no order`} {
			if !strings.Contains(s.err.String(), why) {
				return fmt.Errorf("%q is not said:\n%s", why, s.err)
			}
		}
		return nil
	})
	var all simDevices
	first, _, _ := strings.Cut(s.out.String(), "\n")
	if err := json.Unmarshal([]byte(first), &all); err != nil || len(all.Devices) != 5 || all.Devices[0].Points[0].Where == "" {
		t.Errorf("the devices are %s, %v", first, err)
	}
	for line, want := range map[string]string{
		"sim --fault 'melt boiler'":              "no fault is called",
		"sim --every 1ms":                        "want 10ms to 1h",
		"sim --config --mqtt 0":                  "a free port is known once the plant runs",
		"sim --modbus 0 --fault 'unplug kettle'": "nothing in the plant is called",
		"sim --modbus " + portOf(all.Devices[0]): "another port is said by --modbus",
	} {
		if out, err := guideShell(t, t.TempDir(), must(binary()), "dodona "+line); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %s, want %q", line, err, out, want)
		}
	}
}

func portOf(d simDevice) string { return d.Address[strings.LastIndex(d.Address, ":")+1:] }

// TestSimGuide goes through docs/guide/sim.md.
func TestSimGuide(t *testing.T) {
	t.Parallel()
	plantGuide(t, "docs/guide/sim.md", 7)
}

// TestFirstDeviceGuide goes through docs/guide/first-device.md.
func TestFirstDeviceGuide(t *testing.T) {
	t.Parallel()
	plantGuide(t, "docs/guide/first-device.md", 10)
}

// plantGuide goes through a page of so many commands at least: what stands in a block of text is typed where the plant runs, a block whose first line
// names a file is that file, and the rest is a terminal beside it.
func plantGuide(t *testing.T, page string, commands int) {
	t.Helper()
	dir := t.TempDir()
	var s *simulated
	var node *process
	done := 0
	for _, block := range regexp.MustCompile("(?ms)^```([a-z]+)\\n(.*?)^```$").FindAllStringSubmatch(pageText(t, page), -1) {
		if name := regexp.MustCompile(`^# ([a-z_]+\.[a-z]+)\n`).FindStringSubmatch(block[2]); name != nil {
			if err := os.WriteFile(filepath.Join(dir, name[1]), []byte(s.local(block[2])), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if block[1] == "text" {
			line, want, _ := strings.Cut(block[2], "\n")
			got := s.says(t, line, func(said string) bool { return strings.Contains(said, line) && strings.HasSuffix(said, "\n") })
			compare(t, line, got, want)
			continue
		}
		for _, step := range strings.Split("\n"+block[2], "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			done++
			switch {
			case command == "dodona sim":
				s = launchSim(t, dir)
				s.says(t, "", func(string) bool { return strings.Contains(s.out.String(), "strokes\n") })
				compare(t, command, s.out.String(), want)
			case strings.HasPrefix(command, "dodona run"):
				file := strings.Fields(command)[2]
				node = launch(t, dir, "run", file, "--listen", "127.0.0.1:0")
				node.awaitURL()
			case strings.HasPrefix(command, "dodona status"): // once it has come to that
				eventually(t, 2*patience, func() error {
					if got := shell(t, dir, node, command); anyCause(got) != anyCause(want) {
						return fmt.Errorf("$ %s\nprints\n%s\nbut the page says\n%s", command, got, want)
					}
					return nil
				})
			default:
				compare(t, command, anyNumber(shell(t, dir, node, s.local(command))), anyNumber(want))
				if strings.Contains(command, "--config") {
					s.withConfig(t, dir) // at the ports of this run
				}
			}
		}
	}
	if done < commands {
		t.Errorf("only %d commands in %s", done, page)
	}
}

// local returns a text with the addresses at which this plant listens in place of those of a page.
func (s *simulated) local(text string) string {
	for _, d := range []struct{ name, usual string }{{"boiler", "127.0.0.1:10502"}, {"flow", "127.0.0.1:15683"}, {"power", "127.0.0.1:11883"}, {"press", "127.0.0.1:14840"}} {
		for line := range strings.Lines(s.out.String()) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == d.name {
				text = strings.ReplaceAll(text, d.usual, f[2])
				break
			}
		}
	}
	return text
}

// anyCause takes out by which of its words a connection that was cut is told.
func anyCause(s string) string {
	s = regexp.MustCompile(`(connect to )?127\.0\.0\.1:\d+: .*(closed|reset by peer|EOF)`).ReplaceAllString(s, "CUT")
	return strings.TrimSpace(s)
}

// anyNumber takes out values, and how long a round took.
func anyNumber(s string) string {
	s = regexp.MustCompile(`(?m),[0-9]+ \(0x[0-9a-f]+\)$`).ReplaceAllString(s, ",N")
	s = regexp.MustCompile(`after [0-9.]+m?s;`).ReplaceAllString(s, "after TOOK;")
	return regexp.MustCompile(`(?m) +[0-9][0-9,.]*( |$)`).ReplaceAllString(s, " N ")
}
