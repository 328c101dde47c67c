package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona/api"
)

// posing starts a program that says of itself to be a node by a configuration, which listens somewhere.
func posing(t *testing.T, as *syscall.SysProcAttr, config, listen string) (pid int) {
	t.Helper()
	cmd := exec.Command("/bin/sh")
	cmd.Args = []string{"dodona", "-c", "echo here; read line", "run", "--config", config, "--listen", listen}
	cmd.Dir, cmd.SysProcAttr = "/", as
	_, out := piped(t, cmd)
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// TestTheCommandLineOfAStrangerIsNotBelieved: any user can start a program under any, and would be sent the token, or any file that is named as it is.
func TestTheCommandLineOfAStrangerIsNotBelieved(t *testing.T) {
	config := filepath.Join(t.TempDir(), "gw.yaml")
	write(t, filepath.Dir(config), map[string]string{"gw.yaml": fmt.Sprintf(guarded, "gw", "127.0.0.1:1")})
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("command lines are not to be seen here")
	}
	s := &scene{config: config, unit: service{name: "no-such-unit"}}
	own := posing(t, nil, config, "127.0.0.1:2")
	if !s.believed(t.Context(), own) {
		t.Error("this user's own process is not believed")
	}
	if h := s.home(t.Context()); h.pid != own || h.listen != "127.0.0.1:2" {
		t.Errorf("the home of a node of this user is %+v", h)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can start a program as another user")
	}
	other := filepath.Join(t.TempDir(), "gw.yaml")
	write(t, filepath.Dir(other), map[string]string{"gw.yaml": fmt.Sprintf(guarded, "gw", "127.0.0.1:1")})
	const nobody = 65534
	for name, as := range map[string]*syscall.Credential{"another user": {Uid: nobody, Gid: nobody}, "another user's group": {Uid: nobody, Gid: 0}} {
		pid := posing(t, &syscall.SysProcAttr{Credential: as}, other, "127.0.0.1:3")
		s := &scene{config: other, unit: service{name: "no-such-unit"}}
		if h := s.home(t.Context()); s.believed(t.Context(), pid) || h.folder != "" || h.listen != "" || h.pid != 0 {
			t.Errorf("%s is believed: %+v", name, h)
		}
		if err := os.Chown(other, nobody, 0); err != nil {
			t.Fatal(err)
		}
		if !s.believed(t.Context(), pid) {
			t.Error("the owner of the configuration is not believed")
		}
		if err := os.Chown(other, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckSeeksWhatIsNotHereWhereTheNodeRuns, which the machine shows; no node is asked.
func TestCheckSeeksWhatIsNotHereWhereTheNodeRuns(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("command lines are not to be seen here")
	}
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	t.Setenv("PATH", dir)
	write(t, dir, map[string]string{"gw.yaml": "sources: {a: {http: {url: 'https://a.example/', bearer: {file: proc/self/status}}}}\nfeeds: {f: {from: [a]}}\n"})
	config := filepath.Join(dir, "gw.yaml")
	pid := posing(t, nil, config, "127.0.0.1:2")
	code, out, talk := said(t, "check", config)
	if want := fmt.Sprintf("there is one in /, where process %d runs by it", pid); code != 0 || !strings.Contains(talk, want) {
		t.Errorf("exit code %d: %s%s\nwant %s", code, out, talk, want)
	}
}

// TestATokenIsNotSoughtWhereWhoeverAnswersSays: a node with tokens tells nobody without one where it runs.
func TestATokenIsNotSoughtWhereWhoeverAnswersSays(t *testing.T) {
	dir, theirs := t.TempDir(), t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	var config string
	var shown atomic.Value
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("Authorization"); token != "" {
			shown.Store(token)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = printJSON(w, api.Process{PID: os.Getpid(), Folder: theirs, File: config})
	}))
	t.Cleanup(node.Close)
	config = filepath.Join(dir, "gw.yaml")
	write(t, dir, map[string]string{"gw.yaml": fmt.Sprintf(guarded, "gw", strings.TrimPrefix(node.URL, "http://"))})
	write(t, theirs, map[string]string{"keys/token": "a-file-that-they-want-read"})
	for _, command := range []string{"status", "reload", "support --output x.tar.gz"} {
		code, out, talk := said(t, append(strings.Fields(command), "--config", "gw.yaml")...)
		if got := shown.Load(); got != nil {
			t.Errorf("%s: exit code %d, whoever answered was sent %q:\n%s%s", command, code, got, out, talk)
		}
	}
}
