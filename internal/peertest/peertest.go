// Package peertest finds and runs the programs that tests talk to: servers and devices that nobody here wrote.
//
// Debian's come by scripts/deps.sh, those in Python, JavaScript and Java by scripts/peers.sh. Where a registry could not be
// reached the tests that need its peers are skipped, as NOT TESTED HERE, which make test counts.
package peertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Python returns the interpreter of the virtual environment that has asyncua, pymodbus, aiocoap, python-snap7, xknx and pysnmp.
func Python(t testing.TB) string {
	t.Helper()
	return python(t, "peers")
}

// Sparkplug returns the interpreter of the virtual environment that has mqtt-spb-wrapper.
func Sparkplug(t testing.TB) string {
	t.Helper()
	return python(t, "sparkplug")
}

func python(t testing.TB, environment string) string {
	t.Helper()
	return installed(t, filepath.Join(".cache", "peers", environment, "bin", "python3"))
}

// Jar returns the path of a jar of Maven Central, such as "tahu-edge-compat-1.0.21".
func Jar(t testing.TB, name string) string {
	t.Helper()
	return installed(t, filepath.Join(".cache", "peers", "jars", name+".jar"))
}

// Node returns a command that runs a script with the npm packages of scripts/peers.sh: node-opcua, modbus-serial, jsmodbus and ws. The script
// finds them by require.
func Node(t testing.TB, script string, args ...string) Command {
	t.Helper()
	modules := installed(t, filepath.Join("internal", "peertest", "peers", "node_modules"))
	script, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	return Command{Name: Debian(t, "node"), Args: append([]string{script}, args...), Env: []string{"NODE_PATH=" + modules}}
}

// installed returns where something is that scripts/peers.sh installs below the top of the module, or skips the test.
func installed(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(top(t), name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("NOT TESTED HERE: %s is not there: scripts/peers.sh says why", name)
	}
	return path
}

// Debian returns the path of a program that scripts/deps.sh installs.
func Debian(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin", "/usr/lib/postgresql/15/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: run make deps", name)
	return ""
}

// top returns the top of the module.
func top(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("the test does not run below the top of the module")
	return ""
}
