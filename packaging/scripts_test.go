//go:build linux

package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAServiceManagerThatFailsLeavesNoPackageHalfInstalled: dpkg would refuse all that comes after.
func TestAServiceManagerThatFailsLeavesNoPackageHalfInstalled(t *testing.T) {
	bin, running := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{"systemctl": "exit 1", "systemd-sysusers": "exit 0", "systemd-tmpfiles": "exit 0"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ script, argument, says string }{
		{"postinst", "configure", "systemctl restart dodona"},
		{"prerm", "remove", ""},
		{"prerm", "upgrade", ""},
		{"postrm", "remove", ""},
		{"postrm", "purge", ""},
	} {
		text, err := os.ReadFile(filepath.Join("debian", c.script))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(string(text), "/run/systemd/system", running), c.script, c.argument)
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
		if said, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(said), c.says) {
			t.Errorf("%s %s: %v\n%s", c.script, c.argument, err, said)
		}
	}
}
