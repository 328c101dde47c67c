//go:build integration

package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A machine is a folder into which dpkg installs as if it were the root of one, but that no service manager runs there.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	m := machine{t, t.TempDir()}
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc"} {
		if err := os.MkdirAll(m.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.write("var/lib/dpkg/status", "")
	m.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
	m.write("etc/group", "root:x:0:\n")
	return m
}

func (m machine) path(name string) string { return filepath.Join(m.root, name) }

func (m machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// dpkg runs dpkg on the machine and returns what it says.
func (m machine) dpkg(args ...string) string {
	m.t.Helper()
	return said(m.t, "dpkg", append([]string{"--root=" + m.root, "--force-script-chrootless", "--log=" + m.path("var/log/dpkg.log")}, args...)...)
}

// has fails unless the file is there, or is not, as wanted.
func (m machine) has(name string, want bool) {
	m.t.Helper()
	if _, err := os.Lstat(m.path(name)); (err == nil) != want {
		m.t.Errorf("%s: %v, want that it is there: %t", name, err, want)
	}
}

// said runs a program at the root of the project and returns what it says; it must end well.
func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// built makes the program, v1.0.0.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "dodona")
	t.Setenv("CGO_ENABLED", "0") // as it is released
	said(t, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=v1.0.0", "-o", program, "./cmd/dodona")
	return program
}

// packed makes a package of a program and returns its path.
func packed(t *testing.T, program, version string) string {
	t.Helper()
	t.Setenv("DODONA_VERSION", version)
	return strings.TrimSpace(said(t, "scripts/package.sh", program, "amd64", t.TempDir()))
}

// TestThePackageInstallsUpgradesAndLeavesWhatCannotBeMadeAgain on an empty machine.
func TestThePackageInstallsUpgradesAndLeavesWhatCannotBeMadeAgain(t *testing.T) {
	m, dir := newMachine(t), t.TempDir()
	older := filepath.Join(dir, "older") // a stand-in for an earlier version of the program
	if err := os.WriteFile(older, []byte("#!/bin/sh\necho v0.9.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := built(t)

	if told := m.dpkg("-i", packed(t, older, "0.9.0")); !strings.Contains(told, "systemctl enable --now dodona") {
		t.Errorf("the first installation does not say what comes next:\n%s", told)
	}
	if got := said(t, m.path("usr/bin/dodona"), "--version"); got != "v0.9.0\n" {
		t.Errorf("installed is %q", got)
	}
	users, err := os.ReadFile(m.path("etc/passwd"))
	if err != nil || !strings.Contains(string(users), "\ndodona:") {
		t.Errorf("there is no user dodona: %v\n%s", err, users)
	}
	info, err := os.Stat(m.path("etc/dodona"))
	if err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the folder of the configuration: %v, %v, want its group alone to read it", info, err)
	}
	if err := os.MkdirAll(m.path("var/lib/dodona/keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.write("etc/dodona/dodona.yaml", "node: {data: /var/lib/dodona}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {from: [s]}}\n")
	m.write("var/lib/dodona/keys/node.json", "a key")

	if told := m.dpkg("-i", packed(t, program, "1.0.0")); strings.Contains(told, "systemctl enable") {
		t.Errorf("an upgrade talks as if it were the first installation:\n%s", told)
	}
	if got := said(t, m.path("usr/bin/dodona"), "--version"); got != "v1.0.0\n" {
		t.Errorf("after the upgrade: %q", got)
	}
	said(t, m.path("usr/bin/dodona"), "check", m.path("etc/dodona/dodona.yaml"))
	m.has("usr/lib/systemd/system/dodona.service", true)
	for _, name := range []string{"usr/share/doc/dodona/guide/operations.md", "usr/share/doc/dodona/examples/devices.conf", "usr/share/doc/dodona/copyright"} {
		m.has(name, true)
	}

	pages, err := filepath.Glob(m.path("usr/share/doc/dodona/*/*.md"))
	if err != nil || len(pages) < 12 {
		t.Fatalf("found the pages %q, %v", pages, err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#\s]+)`).FindAllSubmatch(text, -1) {
			if to := string(link[1]); strings.ContainsAny(to, "/.") && !strings.Contains(to, "://") {
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
					t.Errorf("%s links to what the package does not bring: %v", filepath.Base(page), err)
				}
			}
		}
	}

	m.dpkg("-r", "dodona")
	m.has("usr/bin/dodona", false)
	m.has("usr/lib/systemd/system/dodona.service", false)
	if told := m.dpkg("-P", "dodona"); !strings.Contains(told, "keys and evidence") {
		t.Errorf("a purge does not say what stays:\n%s", told)
	}
	m.has("var/lib/dodona/keys/node.json", true)
	m.has("etc/dodona/dodona.yaml", true)
}

// TestTheUnitIsUnderstood, with a program that is there.
func TestTheUnitIsUnderstood(t *testing.T) {
	unit, err := os.ReadFile("dodona.service")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dodona.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(unit), "/usr/bin/dodona", "/bin/sh")), 0o600); err != nil {
		t.Fatal(err)
	}
	if told := said(t, "systemd-analyze", "verify", "--man=no", path); told != "" {
		t.Errorf("systemd says of the unit:\n%s", told)
	}
}

// TestTheUnitExposesLittle by systemd's own judgement, 0 (nothing) to 10, as it was looked at once; above, a setting was lost.
func TestTheUnitExposesLittle(t *testing.T) {
	said(t, "systemd-analyze", "security", "--offline=yes", "--threshold=18", "packaging/dodona.service") // 1.8
}
