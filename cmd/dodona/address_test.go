package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/api"
)

// guarded is a configuration of a node with a token in a file of its own folder.
const guarded = `node: {name: %s}
api: {listen: %q, tokens: [{file: keys/token}]}
sources: {walk: {sim: {seed: 1, every: 100ms}}}
feeds: {walk: {decimals: 2, every: 1s, from: [walk]}}
`

// hourly is all that a node needs, and keeps it from doing anything.
const hourly = `sources: {s: {sim: {seed: 1}}}
feeds: {f: {every: 1h, from: [s]}}
`

// freeAddress returns an address on this machine that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return free.Addr().String()
}

// write writes files below a folder.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// standIn is a node that says which process it is, and of its status its name alone.
func standIn(t testing.TB, name string, p api.Process) (address string) {
	t.Helper()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1/process":
			_ = json.NewEncoder(w).Encode(p)
		case "/v1/status":
			_ = json.NewEncoder(w).Encode(api.Status{Node: name, Level: api.LevelOK, Headline: "all is well"})
		case "/v1/reload":
			_ = json.NewEncoder(w).Encode(api.Reloaded{Kept: 1})
		default:
			_, _ = fmt.Fprint(w, `{}`)
		}
	}))
	t.Cleanup(node.Close)
	return strings.TrimPrefix(node.URL, "http://")
}

// TestOneRuleSaysWhichNodeIsAsked: a flag before the configuration, that before the environment, and that before the usual place.
func TestOneRuleSaysWhichNodeIsAsked(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	flag, file, environment := standIn(t, "by-flag", api.Process{}), standIn(t, "by-file", api.Process{}), standIn(t, "by-environment", api.Process{})
	write(t, dir, map[string]string{"gw.yaml": "api: {listen: " + file + "}\n" + hourly})
	t.Setenv("DODONA_API", environment)
	for args, want := range map[string][2]string{
		"":                               {"by-environment", "asked at http://" + environment + " ($DODONA_API)"},
		"--config gw.yaml":               {"by-file", "asked at http://" + file + " (api.listen of " + filepath.Join(dir, "gw.yaml") + ")"},
		"-c gw.yaml":                     {"by-file", "asked at http://" + file},
		"--api " + flag:                  {"by-flag", "asked at http://" + flag + " (--api)"},
		"--config gw.yaml --api " + flag: {"by-flag", "(--api)"},
	} {
		code, out, talk := said(t, append([]string{"status"}, strings.Fields(args)...)...)
		if code != exitDone || !strings.Contains(out, want[0]+" ") || !strings.Contains(out, want[1]) {
			t.Errorf("status %s: exit code %d, want one of %s that says %q:\n%s%s", args, code, want[0], want[1], out, talk)
		}
	}
	t.Setenv("DODONA_API", "")
	n, err := nodeFlags{}.find(t.Context(), terminal{in: strings.NewReader("")})
	if !isFile(serviceConfig) && (err != nil || n.url != defaultAPI || n.place() != "") {
		t.Errorf("without any of them: asked at %s (%s), %v", n.url, n.place(), err)
	}
	t.Setenv("DODONA_API", "ftp://nowhere")
	if code, _, talk := said(t, "status"); code != exitUsage || !strings.Contains(talk, `$DODONA_API "ftp://nowhere": want where the node listens`) {
		t.Errorf("a variable that names no address: exit code %d, %s", code, talk)
	}
}

// TestEveryCommandThatAsksANodeTakesTheSameFlags, and does what they say.
func TestEveryCommandThatAsksANodeTakesTheSameFlags(t *testing.T) {
	for _, command := range []string{"status", "reload", "explain f", "bundle export f", "feed watch", "sink resend s", "support --output x.tar.gz"} {
		t.Chdir(t.TempDir())
		write(t, ".", map[string]string{"gw.yaml": fmt.Sprintf(guarded, "gw", "127.0.0.1:1"), "keys/token": "0123456789abcdef"})
		_, help, _ := said(t, append(strings.Fields(command), "--help")...)
		for _, flag := range []string{"--api=URL", "-c, --config=FILE", "--token=FILE", "--json"} {
			if !strings.Contains(help, flag) {
				t.Errorf("%s has no %s:\n%s", command, flag, help)
			}
		}
		_, out, talk := said(t, append(strings.Fields(command), "--config", "gw.yaml")...)
		if !strings.Contains(out+talk, "ask node at http://127.0.0.1:1:") {
			t.Errorf("%s --config gw.yaml did not ask where that says:\n%s%s", command, out, talk)
		}
	}
}

// TestAnotherNodeIsNotTakenForTheConfigurations: it may hold its port while that is down.
func TestAnotherNodeIsNotTakenForTheConfigurations(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := func(listen string) string {
		return "api: {listen: " + listen + "}\n" + hourly
	}
	write(t, dir, map[string]string{"other.yaml": "{}"})
	other := filepath.Join(dir, "other.yaml")
	address := standIn(t, "other", api.Process{PID: 1, Folder: dir, File: other, SHA256: "00"})
	write(t, dir, map[string]string{"gw.yaml": text(address)})
	want := "the node at http://" + address + " runs by " + other + ", not by " + filepath.Join(dir, "gw.yaml")
	for _, command := range []string{"status", "reload", "explain f", "feed watch", "sink resend s"} {
		code, out, talk := said(t, append(strings.Fields(command), "--config", "gw.yaml")...)
		if code != exitFailed || out != "" || !strings.Contains(talk, want) {
			t.Errorf("%s: exit code %d, said %s%s, want %q", command, code, out, talk, want)
		}
	}
	_, list := supported(t, "--config", "gw.yaml")
	gone := missing(list)
	for _, part := range []string{"status.txt", "status.json", "feeds.json", "sources.json", "metrics.txt", "process.json"} {
		if !strings.Contains(gone[part], want) {
			t.Errorf("%s of another node: %q, want that it is missing because %q", part, gone[part], want)
		}
	}
	unknown := standIn(t, "old", api.Process{}) // of a version that does not say it
	write(t, dir, map[string]string{"gw.yaml": text(unknown)})
	_, list = supported(t, "--config", "gw.yaml")
	if caution := strings.Join(list.Caution, "\n"); !strings.Contains(caution, "nobody could tell whether the node at http://"+unknown+" runs by") {
		t.Errorf("it does not warn of a node that nobody knows:\n%s", caution)
	}
	moved := standIn(t, "moved", api.Process{PID: 1, Folder: "/", File: "/nowhere/gw.yaml", SHA256: "00"}) // in a container, say
	write(t, dir, map[string]string{"gw.yaml": text(moved)})
	if code, out, talk := said(t, "reload", "--config", "gw.yaml"); code != exitDone {
		t.Errorf("a node that may run by the file, elsewhere: exit code %d, %s%s", code, out, talk)
	}
}

// TestPathsOfAConfigurationBeginWhereItsNodeRuns, whoever asks from where.
func TestPathsOfAConfigurationBeginWhereItsNodeRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs nodes")
	}
	t.Parallel()
	dir := t.TempDir()
	listen, elsewhere := freeAddress(t), freeAddress(t)
	write(t, dir, map[string]string{
		"etc/gw.yaml": fmt.Sprintf(guarded, "gw", listen), "home/keys/token": "0123456789abcdef0123", "caller/keys/token": "another-node's-token",
		"etc/moved.yaml": fmt.Sprintf(guarded, "moved", listen), "moved/keys/token": "0123456789abcdef4567",
	})
	launch(t, filepath.Join(dir, "home"), "run", "../etc/gw.yaml").awaitURL()
	launch(t, filepath.Join(dir, "moved"), "--config", filepath.Join(dir, "etc", "moved.yaml"), "--listen", elsewhere).awaitURL()
	caller := filepath.Join(dir, "caller")
	for _, c := range []struct{ args, want string }{
		{"reload --config ../etc/gw.yaml", "nothing changed"},
		{"status --config ../etc/gw.yaml --json", `"node": "gw"`},
		{"status --config ../etc/moved.yaml --json", `"node": "moved"`}, // which is where its command line says
		{"backup gw.tar --config ../etc/gw.yaml", "files of " + filepath.Join(dir, "home", "data")},
		{"backup moved.tar --config ../etc/moved.yaml", "files of " + filepath.Join(dir, "moved", "data")},
	} {
		if out := ran(t, caller, strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			t.Errorf("%s says\n%s\nwant %q", c.args, out, c.want)
		}
	}
	ran(t, caller, "support", "--config", "../etc/gw.yaml", "--output", "gw.tar.gz")
	archive, err := os.ReadFile(filepath.Join(caller, "gw.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	members, list := unpacked(t, archive)
	for name, why := range missing(list) {
		if name != "log.txt" && name != "service.txt" && name != "events.jsonl" {
			t.Errorf("%s is missing: %s", name, why)
		}
	}
	if !strings.Contains(members["data.txt"], filepath.Join(dir, "home", "data")) {
		t.Errorf("it looked elsewhere:\n%s", members["data.txt"])
	}
}

// TestAServiceManagerKnowsTheFolderOfANodeThatIsDown, and where nobody knows it, what is said says so.
func TestAServiceManagerKnowsTheFolderOfANodeThatIsDown(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, map[string]string{"gw.yaml": fmt.Sprintf(guarded, "gw", "127.0.0.1:1")})
	t.Setenv("PATH", dir)
	begins := "relative paths of " + filepath.Join(dir, "gw.yaml") + " begin in the folder where its node runs; which that is, nobody says"
	code, _, talk := said(t, "backup", "x.tar", "--config", "gw.yaml")
	if code != exitFailed || !strings.Contains(talk, begins) || !strings.Contains(talk, "so it was sought in "+dir) || !strings.Contains(talk, "--data FOLDER") {
		t.Errorf("backup of a folder that nobody knows: exit code %d, %s", code, talk)
	}
	if code, _, talk = said(t, "status", "--config", "gw.yaml"); code != exitFailed || !strings.Contains(talk, begins) || !strings.Contains(talk, "--token FILE") {
		t.Errorf("status with a token in a folder that nobody knows: exit code %d, %s", code, talk)
	}
	write(t, dir, map[string]string{"systemctl": "#!/bin/sh\nprintf '%s\\n' LoadState=loaded MainPID=0 WorkingDirectory=/srv/gw " +
		"'ExecStart={ path=/usr/bin/dodona ; argv[]=/usr/bin/dodona run " + filepath.Join(dir, "gw.yaml") + " ; ignore_errors=no ; pid=0 }'\n"})
	if err := os.Chmod("systemctl", 0o700); err != nil {
		t.Fatal(err)
	}
	code, _, talk = said(t, "backup", "x.tar", "--config", "gw.yaml")
	if want := "begin in /srv/gw, where unit dodona of systemd runs by it"; code != exitFailed || !strings.Contains(talk, "/srv/gw/data") || !strings.Contains(talk, want) {
		t.Errorf("backup beside a unit: exit code %d, %s, want %q", code, talk, want)
	}
}

// TestWhoKnowsHowADeadServiceFaresIsNamed where this machine has the service and it is meant, and nowhere else.
func TestWhoKnowsHowADeadServiceFaresIsNamed(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	text := "api: {listen: '127.0.0.1:1'}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {every: 1h, from: [s]}}\n"
	write(t, dir, map[string]string{"gw.yaml": text, "other.yaml": text})
	const told = "systemctl status dodona says how its service fares, journalctl -u dodona what it said last"
	status := func(want bool, args ...string) {
		t.Helper()
		if code, _, talk := said(t, append([]string{"status"}, args...)...); code != exitFailed || strings.Contains(talk, told) != want || !strings.Contains(talk, "is it running?") {
			t.Errorf("%v: exit code %d, told %t: %s", args, code, !want, talk)
		}
	}
	status(false, "--config", "gw.yaml")
	write(t, dir, map[string]string{"systemctl": "#!/bin/sh\nprintf '%s\\n' LoadState=loaded MainPID=0 WorkingDirectory=/srv/gw " +
		"'ExecStart={ path=/usr/bin/dodona ; argv[]=/usr/bin/dodona run " + filepath.Join(dir, "gw.yaml") + " ; ignore_errors=no ; pid=0 }'\n"})
	if err := os.Chmod("systemctl", 0o700); err != nil {
		t.Fatal(err)
	}
	status(true, "--config", "gw.yaml")
	status(false, "--config", "other.yaml")
	status(false, "--api", "127.0.0.1:1")
}

// TestANodeTellsItsFolderToWhoCannotLook at its process: it runs as another user, say.
func TestANodeTellsItsFolderToWhoCannotLook(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	address := standIn(t, "gw", api.Process{PID: 1, Folder: "/srv/elsewhere", File: filepath.Join(dir, "gw.yaml")})
	write(t, dir, map[string]string{"gw.yaml": "api: {listen: " + address + "}\n" + hourly})
	code, _, talk := said(t, "backup", "x.tar", "--config", "gw.yaml")
	if want := "/srv/elsewhere, where the node at http://" + address + " runs by it"; code != exitFailed || !strings.Contains(talk, want) {
		t.Errorf("exit code %d, %s, want %q", code, talk, want)
	}
}

// TestCommandLinesOfNodesAreKnown from those of everything else.
func TestCommandLinesOfNodesAreKnown(t *testing.T) {
	for command, want := range map[string][2]string{
		"dodona run gw.yaml":                           {"gw.yaml", ""},
		"dodona run --config gw.yaml":                  {"gw.yaml", ""},
		"/usr/bin/dodona run --config=/etc/gw.yaml":    {"/etc/gw.yaml", ""},
		"dodona -c gw.yaml":                            {"gw.yaml", ""},
		"dodona run --listen :9 gw.yaml --new-network": {"gw.yaml", ":9"},
		"dodona run gw.yaml --listen=127.0.0.1:9":      {"gw.yaml", "127.0.0.1:9"},
		"dodona check gw.yaml":                         {"", ""},
		"dodona status --config gw.yaml":               {"", ""},
		"dodona --config gw.yaml status":               {"", ""},
		"vim gw.yaml":                                  {"", ""},
		"dodona run":                                   {"", ""},
		"dodona run --config":                          {"", ""},
		"dodona":                                       {"", ""},
		"":                                             {"", ""},
	} {
		if file, listen := ranBy(strings.Fields(command)); file != want[0] || listen != want[1] {
			t.Errorf("%q: got %q and %q, want %q", command, file, listen, want)
		}
	}
	for shown, want := range map[string]string{
		"ExecStart={ path=/usr/bin/dodona ; argv[]=/usr/bin/dodona run --config /etc/dodona/dodona.yaml ; ignore_errors=no }": "/etc/dodona/dodona.yaml",
		"ExecStart={ path=/usr/bin/dodona ; argv[]=/usr/bin/dodona run gw.yaml ; ignore_errors=no }":                          "gw.yaml",
		"ExecStart=": "", "": "",
	} {
		if got := configOf(shown); got != want {
			t.Errorf("%q: got %q, want %q", shown, got, want)
		}
	}
}
