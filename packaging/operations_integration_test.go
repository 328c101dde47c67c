//go:build integration

package packaging

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// operationsPage returns docs/guide/operations.md.
func operationsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/guide/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// A step is one command of the page, with what the page says that it prints.
type step struct {
	command string
	want    string
}

// An operationsBlock is one block of the page.
type operationsBlock struct {
	section, kind, text string
}

// steps returns the commands of a block.
func (b operationsBlock) steps() (all []step) {
	for _, part := range strings.Split("\n"+b.text, "\n# ")[1:] {
		command, want, _ := strings.Cut(part, "\n")
		all = append(all, step{command, strings.TrimSpace(want)})
	}
	return all
}

var (
	sectionOrBlock = regexp.MustCompile("(?ms)^## (.+?)$|^```([a-z]*)\\n(.*?)^```$")
	// Each block that is no commands of root's, by its section: what holds it to be right.
	otherBlocks = map[string]string{
		"Install yaml":         "the configuration of the service, which both tests run by",
		"Watch over it yaml":   "TestPrometheusTakesThePage",
		"Behind a proxy nginx": "TestTheProxyOfTheGuideServesANode, of package api",
	}
)

// operationsBlocks returns the blocks of the page in order. One that nothing holds to be right is an error.
func operationsBlocks(t *testing.T) (blocks []operationsBlock) {
	t.Helper()
	section, seen := "", map[string]int{}
	for _, m := range sectionOrBlock.FindAllStringSubmatch(operationsPage(t), -1) {
		if m[1] != "" {
			section = m[1]
			continue
		}
		b := operationsBlock{section, m[2], m[3]}
		blocks = append(blocks, b)
		name := section + " " + b.kind
		seen[name]++
		_, known := otherBlocks[name]
		switch commands := b.kind == "console" && strings.HasPrefix(b.text, "# ") && len(b.steps()) > 0; {
		case !known && !commands:
			t.Errorf("the page has a block that no test runs or reads: %s in %q:\n%s", b.kind, section, b.text)
		case known && seen[name] > 1:
			t.Errorf("the page has several blocks of %s in %q", b.kind, section)
		}
	}
	for name := range otherBlocks {
		if seen[name] == 0 {
			t.Errorf("the page has no block %s", name)
		}
	}
	if len(blocks) < 12 {
		t.Errorf("only %d blocks in the page", len(blocks))
	}
	return blocks
}

// block returns the one block of a kind in a section.
func block(t *testing.T, section, kind string) string {
	t.Helper()
	for _, b := range operationsBlocks(t) {
		if b.section == section && b.kind == kind {
			return b.text
		}
	}
	t.Fatalf("the page has no block of %s in %q", kind, section)
	return ""
}

// differs returns the first line of want that got lacks, in their order; numbers, times, keys and spaces are not compared, and … is any lines.
func differs(got, want string) string {
	normal := func(line string) string {
		for _, with := range [][2]string{{`\d{8}T\d{6}Z`, "TIME"}, {`\d{4}-\d\d-\d\dT[\d:.]+Z`, "TIME"}, {`0x[0-9a-f…]+`, "0x"}, {`v?\d[\d.:]*\S*`, "N"}, {`\bby dodona \S+ \(this is \S+\)`, "by dodona N (this is N)"}, {`\s+`, " "}} {
			line = regexp.MustCompile(with[0]).ReplaceAllString(line, with[1])
		}
		return strings.TrimSpace(line)
	}
	lines := strings.Split(got, "\n")
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)
		if line == "…" {
			continue
		}
		i := slices.IndexFunc(lines, func(said string) bool { return normal(said) == normal(line) })
		if i < 0 {
			return line
		}
		lines = lines[i+1:]
	}
	return ""
}

// typedIn is the folder in which the page's commands are typed.
const typedIn = "/srv"

// aPlace is a folder in which the page's commands run as if it were the root of a machine, but for those that need its service manager and root:
// the test starts and ends the node when they would.
type aPlace struct {
	t       *testing.T
	root    string
	program string
	api     string
	service *exec.Cmd
	said    bytes.Buffer
}

// here writes a command with the paths of this place.
func (p *aPlace) here(command string) string {
	for _, path := range []string{"/etc", "/var/lib/dodona", "/var/backups", "/srv/readings"} {
		command = regexp.MustCompile(`(^|[ "'=(]|>)`+path+`\b`).ReplaceAllString(command, "${1}"+p.root+path)
	}
	return command
}

func (p *aPlace) start() {
	p.t.Helper()
	if p.service != nil {
		p.t.Fatal("the page starts what runs")
	}
	p.service = exec.Command(p.program, "run", "--config", p.root+"/etc/dodona/dodona.yaml")
	p.service.Dir = p.root + "/var/lib/dodona"
	p.service.Stdout, p.service.Stderr = &p.said, &p.said
	if err := p.service.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *aPlace) stop() {
	if p.service == nil {
		return
	}
	_ = p.service.Process.Signal(os.Interrupt)
	_ = p.service.Wait()
	p.service = nil
}

// run runs a command of the page until it says what the page says, for as long as that may take.
func (p *aPlace) run(s step) {
	p.t.Helper()
	var out []byte
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, "bash", "-c", p.here(s.command))
		cmd.Dir, cmd.Env = p.root+typedIn, append(os.Environ(), "PATH="+filepath.Dir(p.program)+":"+os.Getenv("PATH"), "DODONA_API="+p.api)
		var err error
		out, err = cmd.CombinedOutput()
		cancel()
		lacks := differs(strings.ReplaceAll(string(out), p.root, ""), s.want)
		if err == nil && lacks == "" {
			return
		}
		if again := strings.HasPrefix(s.command, "dodona status") || strings.HasPrefix(s.command, "dodona reload"); !again || time.Now().After(end) {
			p.t.Fatalf("# %s\n%s%v; the page says %q\n%s", s.command, out, err, lacks, p.said.String())
		}
		if strings.Contains(s.command, "status") { // a line of the page counts for a minute
			p.run(step{command: p.reading()})
		}
	}
}

// reading is the page's command that writes one.
func (p *aPlace) reading() string {
	for _, b := range operationsBlocks(p.t) {
		if strings.Contains(b.text, ">>/srv/readings/") {
			return b.steps()[0].command
		}
	}
	p.t.Fatal("the page writes no reading")
	return ""
}

// TestEveryCommandOfOperationsRuns in order, in a folder: what needs no root and no service manager as it stands, and the rest is held to what the
// package brings. `make operations` runs all of it on a machine.
func TestEveryCommandOfOperationsRuns(t *testing.T) {
	p := &aPlace{t: t, root: t.TempDir(), program: built(t)}
	for _, dir := range []string{"etc/dodona", "var/lib/dodona", "var/backups", "srv"} {
		if err := os.MkdirAll(filepath.Join(p.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.api = "http://" + listener.Addr().String()
	_ = listener.Close()
	text := p.here(block(t, "Install", "yaml")) + fmt.Sprintf("api: {listen: %q}\n", strings.TrimPrefix(p.api, "http://"))
	config := p.root + "/etc/dodona/dodona.yaml"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	unit := read(t, "dodona.service")
	for _, b := range operationsBlocks(t) {
		if b.kind != "console" {
			continue
		}
		for _, s := range b.steps() {
			switch first, rest, _ := strings.Cut(s.command, " "); {
			case first == "dodona", strings.HasPrefix(s.command, "install -d -m 755 /srv/readings "), strings.HasPrefix(s.command, "(umask 077 && tar "):
				p.run(s)
			case first == "tar": // of another machine
				p.stop()
				for _, dir := range []string{"/etc/dodona", "/var/lib/dodona/data"} {
					if err := os.Rename(p.root+dir, p.root+dir+".away"); err != nil {
						t.Fatal(err)
					}
				}
				p.run(s)
			case s.command == "systemctl enable --now dodona":
				p.start()
			case s.command == "systemctl reload dodona":
				reload := regexp.MustCompile(`(?m)^ExecReload=/usr/bin/(.*)$`).FindStringSubmatch(unit)
				if reload == nil {
					t.Fatal("the unit says nothing of a reload")
				}
				p.run(step{command: reload[1]})
			case strings.HasPrefix(s.command, "chgrp dodona /etc/dodona/dodona.yaml && chmod 640 "):
				if !strings.HasPrefix(read(t, "debian/sysusers.conf"), "u dodona ") || !strings.Contains(unit, "\nGroup=dodona\n") {
					t.Error("there is no group dodona, or the service does not run with it")
				}
			case first == "apt" && rest == "install ./dodona_VERSION_amd64.deb":
				p.prints("debian/postinst", s.want)
			case first == "apt" && rest == "purge dodona":
				p.stop()
				p.prints("debian/postrm", strings.ReplaceAll(strings.ReplaceAll(s.want, "/var/lib/dodona", "$left"), "/etc/dodona", "$left"))
			default:
				t.Errorf("no test knows what to do with the page's command # %s", s.command)
			}
		}
	}
}

// prints holds what a script of the package says to what the page says.
func (p *aPlace) prints(script, want string) {
	p.t.Helper()
	text := read(p.t, script)
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "…" && !strings.Contains(text, line) {
			p.t.Errorf("%s does not say what the page says: %s", script, line)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOperationsNamesWhatThereIs: every command with every flag, every file that the package brings, and every setting of the unit.
func TestOperationsNamesWhatThereIs(t *testing.T) {
	program, page := built(t), operationsPage(t)
	spans := regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, ""), -1)
	for _, b := range operationsBlocks(t) {
		for _, s := range b.steps() {
			spans = append(spans, []string{"", s.command})
		}
	}
	commands, files := 0, 0
	for _, m := range spans {
		span := m[1]
		if words := strings.Fields(span); words[0] == "dodona" && len(words) > 1 {
			commands++
			var sub []string
			for _, w := range words[1:] {
				if !regexp.MustCompile(`^[a-z]+$`).MatchString(w) || len(sub) == 2 {
					break
				}
				sub = append(sub, w)
			}
			name := strings.Join(sub, " ")
			out, err := exec.CommandContext(t.Context(), program, append(slices.Clone(sub), "--help")...).CombinedOutput()
			if coming := name == "key rotate"; (err == nil && strings.Contains(string(out), "Usage: dodona "+name)) == coming {
				t.Errorf("`%s`: is there a command %q? The page calls it coming: %t", span, name, coming)
				continue
			}
			for _, w := range words {
				if flag, _, _ := strings.Cut(w, "="); strings.HasPrefix(w, "--") && !strings.Contains(string(out), flag) {
					t.Errorf("`%s`: %s has no flag %s", span, name, flag)
				}
			}
			continue
		}
		switch {
		case span == "--data FOLDER", span == "--config FILE":
			if name := map[string]string{"--data FOLDER": "backup", "--config FILE": "support"}[span]; !strings.Contains(said(t, program, name, "--help"), strings.Fields(span)[0]) {
				t.Errorf("%s has no %s", name, span)
			}
		case strings.HasPrefix(span, "/usr/share/doc/dodona/examples/"), strings.HasPrefix(span, "examples/"):
			files++
			if _, err := os.Stat("examples/" + filepath.Base(span)); err != nil {
				t.Errorf("the package brings no %s", span)
			}
		case strings.HasPrefix(span, "packaging/"):
			files++
			if _, err := os.Stat("../" + span); err != nil {
				t.Error(err)
			}
		case regexp.MustCompile(`^[A-Z][A-Za-z]+=$`).MatchString(span):
			files++
			if strings.Contains(read(t, "dodona.service"), "\n"+span) {
				t.Errorf("the unit sets %s, of which the page says that it is not there", span)
			}
		}
	}
	if commands < 20 || files < 6 {
		t.Errorf("found %d commands and %d files in the page", commands, files)
	}
	for _, path := range []string{"/etc/dodona/dodona.yaml", "/usr/bin/dodona run", "WorkingDirectory=/var/lib/dodona\n", "WatchdogSec=3min"} {
		if !strings.Contains(read(t, "dodona.service"), path) {
			t.Errorf("the unit has no %s, which the page speaks of", path)
		}
	}
}

// TestPrometheusTakesThePage by its own judgement, with the rules that are packed.
func TestPrometheusTakesThePage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"prometheus.yml": block(t, "Watch over it", "yaml"), "dodona.rules.yml": read(t, "prometheus/dodona.rules.yml")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "/etc/prometheus/", dir+"/")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dodona-token"), []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	said(t, "promtool", "check", "config", filepath.Join(dir, "prometheus.yml"))
}
