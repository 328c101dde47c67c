package main

import (
	"bytes"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// said runs a command line, and returns what it says on both streams.
func said(t *testing.T, args ...string) (code int, out, talk string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(t.Context(), args, terminal{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

// TestWordsThatPeopleTryDoWhatTheySay, or say which command does.
func TestWordsThatPeopleTryDoWhatTheySay(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gateway.yaml", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"":                           {0, "Usage: dodona <command>"},
		"help":                       {0, "Usage: dodona <command>"},
		"-h":                         {0, "Usage: dodona <command>"},
		"-help":                      {0, "Usage: dodona <command>"},
		"-?":                         {0, "Usage: dodona <command>"},
		"help run":                   {0, "Usage: dodona run"},
		"run help":                   {0, "Usage: dodona run"},
		"run -h":                     {0, "Usage: dodona run"},
		"help key new":               {0, "Usage: dodona key new"},
		"key help":                   {0, "Usage: dodona key"},
		"key new help":               {0, "Usage: dodona key new"},
		"version":                    {0, release},
		"-v":                         {0, release},
		"-version":                   {0, release},
		"run":                        {2, "name the configuration"},
		"--config nowhere.yaml":      {2, "read configuration: open nowhere.yaml"},
		"-c nowhere.yaml":            {2, "read configuration: open nowhere.yaml"},
		"--config=nowhere.yaml":      {2, "read configuration: open nowhere.yaml"},
		"run --config nowhere.yaml":  {2, "read configuration: open nowhere.yaml"},
		"run -c nowhere.yaml":        {2, "read configuration: open nowhere.yaml"},
		"--listen :0 -c none.yaml":   {2, "read configuration: open none.yaml"},
		"--config none.yaml check":   {2, "read configuration: open none.yaml"},
		"--config check check":       {2, "read configuration: open check"},
		"source read boiler":         {2, "open boiler: no such file or directory; the configuration stands first, then what is wanted of it: plant.yaml boiler"},
		"source read no.yaml boiler": {2, "open no.yaml: no such file or directory\n"},
		"feed try btc.usd":           {2, "read configuration: open btc.usd"},
		"-c a.yaml -c b.yaml":        {2, "read configuration: open b.yaml"},
		"gateway.yaml":               {2, "gateway.yaml is a file: dodona run gateway.yaml runs a node by it"},
		"nowhere.yaml":               {2, "there is no file nowhere.yaml"},
		"https://example.org/p.json": {2, "dodona init --url URL"},
		"validate gateway.yaml":      {2, "did you mean dodona check?"},
		"start":                      {2, "did you mean dodona run?"},
		"ls":                         {2, "did you mean dodona status?"},
		"LS":                         {2, "did you mean dodona status?"},
		"stop":                       {2, "Ctrl-C"},
		"quit":                       {2, "Ctrl-C"},
		"Exit":                       {2, "Ctrl-C"},
		"shutdown":                   {2, "Ctrl-C"},
		"statsu":                     {2, "did you mean dodona status?"},
		"chek gateway.yaml":          {2, "did you mean dodona check?"},
		"verison":                    {2, "did you mean dodona version?"},
		"hlep":                       {2, "did you mean dodona help?"},
		"feed wacth":                 {2, "did you mean dodona feed watch?"},
		"module trust sgin":          {2, "did you mean dodona module trust sign?"},
		"watch feed":                 {2, "did you mean dodona feed watch?"},
		"new key":                    {2, "did you mean dodona"},
		"key frobnicate":             {2, "there are new, show and import"},
		"frobnicate":                 {2, "unexpected argument frobnicate (see dodona --help)"},
		"status --jsno":              {2, "--json"},
		"status --api ftp://gw":      {2, `--api "ftp://gw": want where the node listens, such as http://127.0.0.1:8080`},
		"status --api 127.0.0.1:1":   {1, "ask node at http://127.0.0.1:1"},
		"--api 127.0.0.1:1 status":   {1, "ask node at http://127.0.0.1:1"},
		"status --api :1":            {1, "ask node at http://127.0.0.1:1"},
		"explain f --api [::1]:1":    {1, "ask node at http://[::1]:1"},
		"run -help":                  {0, "Usage: dodona run"},
		"help help":                  {0, "Usage: dodona <command>"},
		"help version":               {0, "Usage: dodona <command>"},
		"status --api 1":             {1, "ask node at http://127.0.0.1:1"},
		"help nothing":               {2, "unexpected argument nothing (see dodona --help)"},
		"help statsu":                {2, "did you mean dodona status?"},
		"help feed wacth":            {2, "did you mean dodona feed watch?"},
		"version --json":             {2, "unknown flag --json (see dodona --help)"},
		"run --listen":               {2, "--listen: its value is missing (see dodona run --help)"},
		"compile-worke":              {2, "unexpected argument"},
	} {
		code, out, talk := said(t, strings.Fields(line)...)
		if code != want.code || !strings.Contains(out+talk, want.says) {
			t.Errorf("dodona %s: exit %d, says %q, want %d and %q", line, code, out+talk, want.code, want.says)
		}
	}
}

// TestWordsOfOtherProgramsLeadToCommandsOfOurs that there are.
func TestWordsOfOtherProgramsLeadToCommandsOfOurs(t *testing.T) {
	for word, path := range elsewhere {
		if code, _, talk := said(t, append(strings.Fields(path), "--help")...); code != 0 {
			t.Errorf("%s leads to %s: %s", word, path, talk)
		}
		if code, _, talk := said(t, word); code != exitUsage || !strings.Contains(talk, "did you mean dodona "+path+"?") {
			t.Errorf("%s: exit %d, %s", word, code, talk)
		}
	}
}

// TestAnAddressIsReadAsPeopleWriteIt, and what is none is refused.
func TestAnAddressIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:8080":    "http://127.0.0.1:8080",
		"http://127.0.0.1:8080/":   "http://127.0.0.1:8080",
		"https://gw.example/node/": "https://gw.example/node",
		"127.0.0.1:9000":           "http://127.0.0.1:9000",
		"localhost:8080":           "http://localhost:8080",
		"localhost":                "http://localhost:8080",
		"gw-7.plant.example":       "http://gw-7.plant.example:8080",
		":9000":                    "http://127.0.0.1:9000",
		"9000":                     "http://127.0.0.1:9000",
		"70000":                    "http://70000:8080",
		"::1":                      "http://[::1]:8080",
		"[::1]":                    "http://[::1]:8080",
		"[::1]:9000":               "http://[::1]:9000",
		"gw-7:":                    "http://gw-7:8080",
		"":                         "http://127.0.0.1:8080",
		"http://":                  "", "http:///x": "", "ftp://gw": "", "gw 7": "", "http://gw/#feed": "", "http://gw:port": "", "gw:port": "",
	} {
		got, err := wholeAPI(text, "--api")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestAVersionIsToldWhoeverBuilt: by make, by go install, by go build in a clone, or out of an archive.
func TestAVersionIsToldWhoeverBuilt(t *testing.T) {
	of := func(version string, settings ...debug.BuildSetting) func() (*debug.BuildInfo, bool) {
		return func() (*debug.BuildInfo, bool) {
			return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}, true
		}
	}
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "04289148635ae0c61c7f7668abcdfca2fabe0b0c"}
	for _, c := range []struct {
		linked string
		read   func() (*debug.BuildInfo, bool)
		want   string
	}{
		{"v1.2.0-dirty", of("v1.1.0"), "v1.2.0-dirty"},
		{"unknown", of("v1.1.0"), "v1.1.0"},
		{"", of("v1.1.0", commit), "v1.1.0"},
		{"", of("(devel)", commit), "04289148635a"},
		{"", of("", commit, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "04289148635a-dirty"},
		{"", of("(devel)"), "unknown"},
		{"", func() (*debug.BuildInfo, bool) { return nil, false }, "unknown"},
	} {
		if got := released(c.linked, c.read); got != c.want {
			t.Errorf("linked %q: got %q, want %q", c.linked, got, c.want)
		}
	}
}

// TestFlagsOfOtherProgramsLeadToFlagsOfOurs, where the command has such a one.
func TestFlagsOfOtherProgramsLeadToFlagsOfOurs(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, ".", map[string]string{"gateway": "{}"})
	for line, want := range map[string]string{
		"status --url http://gw": "did you mean --api?", "explain f --server=gw": "did you mean --api?", "reload --cfg gw.yaml": "did you mean --config?",
		"verify x --bearer t": "did you mean --token?", "status gw.yaml": "did you mean --config gw.yaml?", "reload gateway": "did you mean --config gateway?",
		"status --allx": `did you mean "--all"?`, "init --server gw": "unknown flag --server (see dodona init --help)", "status gw": "unexpected argument gw (see",
	} {
		if code, _, talk := said(t, strings.Fields(line)...); code != exitUsage || !strings.Contains(talk, want) {
			t.Errorf("%s: exit code %d, %s, want %q", line, code, talk, want)
		}
	}
}
