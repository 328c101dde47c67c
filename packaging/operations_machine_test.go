//go:build integration && operations

package packaging

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A cleanMachine is a Debian that has just been installed, which systemd runs, and on which somebody works as root.
type cleanMachine struct {
	t      *testing.T
	root   string
	nspawn *exec.Cmd
	init   string // the process of its systemd, as it is seen here
}

// boot starts a copy of the clean machine.
func boot(t *testing.T) *cleanMachine {
	t.Helper()
	clean := os.Getenv("DODONA_MACHINE")
	if clean == "" {
		t.Fatal("no clean machine: make operations")
	}
	m := &cleanMachine{t: t, root: filepath.Join(t.TempDir(), "machine")}
	said(t, "cp", "-a", clean, m.root)
	m.write("etc/apt/apt.conf.d/90yes", "APT::Get::Assume-Yes \"true\";\n") // who works there says y
	m.nspawn = exec.Command("systemd-nspawn", "-q", "-D", m.root, "-b", "--register=no", "--keep-unit", "--private-network", "--console=pipe")
	if err := m.nspawn.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.off)
	children := fmt.Sprintf("/proc/%d/task/%d/children", m.nspawn.Process.Pid, m.nspawn.Process.Pid)
	m.until("it runs", func() string {
		raw, err := os.ReadFile(children)
		if m.init = strings.TrimSpace(string(raw)); err != nil || m.init == "" {
			return fmt.Sprint("no init yet ", err)
		}
		if out, _ := m.says("systemctl is-system-running"); strings.TrimSpace(out) != "running" {
			return out
		}
		return ""
	})
	return m
}

// off ends the machine.
func (m *cleanMachine) off() {
	if m.nspawn == nil {
		return
	}
	_ = m.nspawn.Process.Signal(os.Interrupt)
	_, _ = m.says("systemctl --force --force poweroff")
	_ = m.nspawn.Wait()
	m.nspawn = nil
}

func (m *cleanMachine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// says returns what a command prints on the machine.
func (m *cleanMachine) says(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", "-t", m.init, "-m", "-u", "-i", "-n", "-p", "-C", "--",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME="+typedIn, "LANG=C.UTF-8", "bash", "-c", "cd "+typedIn+"\n"+command).CombinedOutput()
	return string(out), err
}

// until waits for f to say nothing.
func (m *cleanMachine) until(what string, f func() string) {
	m.t.Helper()
	why := ""
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if why = f(); why == "" {
			return
		}
	}
	log, _ := m.says("journalctl -u dodona --no-pager | tail -20")
	m.t.Fatalf("%s: %s\n%s", what, why, log)
}

// run runs a command of the page, which says what the page says that it does.
func (m *cleanMachine) run(s step) {
	m.t.Helper()
	m.until("# "+s.command, func() string {
		out, err := m.says(s.command)
		lacks := differs(out, s.want)
		if err == nil && lacks == "" {
			m.t.Logf("# %s\n%s", s.command, out)
			return ""
		}
		if !strings.HasPrefix(s.command, "dodona status") { // which is asked a second later
			m.t.Fatalf("# %s\n%s%v; the page says %q", s.command, out, err, lacks)
		}
		m.reading()
		return out
	})
}

// reading writes one, as the page does.
func (m *cleanMachine) reading() {
	m.t.Helper()
	for _, b := range operationsBlocks(m.t) {
		if strings.Contains(b.text, ">>/srv/readings/") {
			if out, err := m.says(b.steps()[0].command); err != nil {
				m.t.Fatal(out, err)
			}
		}
	}
}

// repacked puts the package on the machine once more, as of another version.
func (m *cleanMachine) repacked(version, name string) {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "package")
	said(m.t, "dpkg-deb", "-R", m.root+typedIn+"/dodona_VERSION_amd64.deb", dir)
	said(m.t, "sed", "-i", "s/^Version: .*/Version: "+version+"/", dir+"/DEBIAN/control")
	said(m.t, "dpkg-deb", "--root-owner-group", "-Znone", "-b", dir, m.root+typedIn+"/"+name)
}

// holds waits for a command to succeed.
func (m *cleanMachine) holds(command string) {
	m.t.Helper()
	m.until("# "+command, func() string {
		out, err := m.says(command)
		if err == nil {
			return ""
		}
		return fmt.Sprint(out, err)
	})
}

// TestOperationsOnACleanMachine runs every command of the page in order, and checks what it says between them. What it restores is restored on another
// machine.
func TestOperationsOnACleanMachine(t *testing.T) {
	m := boot(t)
	said(t, "cp", packed(t, built(t), "1.0.0"), m.root+typedIn+"/dodona_VERSION_amd64.deb")
	signer := ""
	for _, b := range operationsBlocks(t) {
		if b.section+" "+b.kind == "Install yaml" {
			m.write("etc/dodona/dodona.yaml", b.text)
		}
		if b.kind != "console" {
			continue
		}
		for _, s := range b.steps() {
			switch {
			case strings.HasPrefix(s.command, "tar -C /etc -xf "):
				signer = m.signer()
				m.whatThePageSaysOfTheService()
				m = m.movesTo(boot(t))
			case s.command == "apt purge dodona":
				if again := m.signer(); again != signer {
					t.Errorf("the restored node signs as %s, the original did as %s", again, signer)
				}
			}
			m.run(s)
			if s.command == "systemctl enable --now dodona" {
				m.holds("systemctl is-enabled dodona && systemctl is-active dodona")
			}
		}
	}
	m.holds("! test -e /usr/bin/dodona && ! systemctl is-active dodona && test -d /var/lib/dodona/data/keys && test -e /etc/dodona/dodona.yaml && userdel dodona")
}

// signer is whose the node's answers are, once there is one.
func (m *cleanMachine) signer() (signer string) {
	m.t.Helper()
	m.until("an answer", func() string {
		m.reading()
		out, err := m.says(`curl -sf http://127.0.0.1:8080/v1/feeds/boiler.temperature/latest | grep -o '"members":\["0x[0-9a-f]*"'`)
		if err != nil {
			return fmt.Sprint(out, err)
		}
		signer = out
		return ""
	})
	return signer
}

// movesTo stops the machine for good, and puts the package and the archives on another one.
func (m *cleanMachine) movesTo(other *cleanMachine) *cleanMachine {
	m.t.Helper()
	m.holds("systemctl stop dodona")
	said(m.t, "cp", "-a", m.root+"/var/backups/.", other.root+"/var/backups/")
	said(m.t, "cp", m.root+typedIn+"/dodona_VERSION_amd64.deb", other.root+typedIn)
	m.off()
	other.holds("apt install ./dodona_VERSION_amd64.deb")
	return other
}

// whatThePageSaysOfTheService beside its blocks: what is started again and what is not, what upgrades and downgrades do, and that the drop-ins work.
func (m *cleanMachine) whatThePageSaysOfTheService() {
	m.t.Helper()
	m.holds("sudo -u dodona head -1 /srv/readings/boiler.jsonl")
	m.holds("test $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/readyz) = 200")
	m.holds("journalctl -u dodona --no-pager | grep -q 'page and API at'")
	another := func(what, command string) {
		m.t.Helper()
		before, _ := m.says("systemctl show -P MainPID dodona")
		m.holds(command)
		m.holds(fmt.Sprintf("pid=$(systemctl show -P MainPID dodona); test $pid != 0 && test $pid != %s && systemctl is-active dodona", strings.TrimSpace(before)))
		m.t.Logf("%s: the service was started again", what)
	}
	another("a crash", "systemctl kill -s ABRT dodona")
	another("no memory", "systemctl kill -s KILL dodona")
	m.repacked("1.1.0", "newer.deb")
	m.repacked("0.9.0", "dodona_OLDER_amd64.deb")
	another("an upgrade", "apt install ./newer.deb")
	another("a downgrade", "apt install ./dodona_OLDER_amd64.deb --allow-downgrades")
	another("the version of the page", "apt install ./dodona_VERSION_amd64.deb")
	for _, example := range []string{"files", "memory", "devices"} {
		another(example, "install -D -t /etc/systemd/system/dodona.service.d /usr/share/doc/dodona/examples/"+example+".conf && systemctl daemon-reload && systemctl restart dodona")
	}
	another("without them", "rm -r /etc/systemd/system/dodona.service.d && systemctl daemon-reload && systemctl restart dodona")
	m.holds("cp -p /etc/dodona/dodona.yaml kept && echo 'nonsense: 1' >>/etc/dodona/dodona.yaml && ! systemctl restart dodona")
	m.holds("sleep 5; test $(systemctl show -P ActiveState dodona) = failed && test $(systemctl show -P ExecMainStatus dodona) = 2 && test $(systemctl show -P NRestarts dodona) = 0")
	another("a mended configuration", "cp -p kept /etc/dodona/dodona.yaml && systemctl restart dodona")
}
