package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestWhatANodeSaysDoesNotSteerTheTerminal: --api may name a stranger's node.
func TestWhatANodeSaysDoesNotSteerTheTerminal(t *testing.T) {
	const steer = `\u001b[2J`
	var mediaType, body string
	status := http.StatusOK
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer node.Close()
	for _, c := range []struct {
		args        []string
		media, body string
		status      int
		shows       string
	}{
		{[]string{"explain", "btc.usd", "12:00"}, "application/json", `{"feed":"a` + steer + `b","state":"rejected","answer":"` + steer + `","anchored":"` + steer + `"}`, 200, "a·[2Jb = "},
		{[]string{"explain", "btc.usd", "12:00"}, "application/problem+json", `{"title":"x","detail":"gone\u001b[2J"}`, 404, "gone"},
		{[]string{"feed", "watch"}, "text/event-stream", `data: {"feed":{"name":"a\u001b[2J","kind":"number"}}` + "\n\n", 200, "a"},
		{[]string{"status"}, "application/json", `{"node":"gw","problems":[{"part":"clock","message":"\u001b[2J"}],"feeds":[{"name":"a\u001b[2J"}],"sources":[]}`, 200, "clock\n"},
		{[]string{"explain", "--json", "btc.usd", "12:00"}, "application/json", "{\"feed\":\"a\u009b2J\u202e\x7f\"}", 200, `"a\u009b2J\u202e\u007f"`},
		{[]string{"bundle", "export", "btc.usd", "12:00"}, "application/json", "{\"feed\":\"a\u009b2J\"}", 200, `"a\u009b2J"`},
		{[]string{"status", "--json"}, "application/json", "{\"node\":\"a\u009b2J\",\"feeds\":[],\"sources\":[]}", 200, `"a\u009b2J"`},
	} {
		mediaType, body, status = c.media, c.body, c.status
		var out bytes.Buffer
		execute(t.Context(), append(c.args, "--api", node.URL), terminal{in: strings.NewReader(""), out: &out, err: &out})
		if said := out.String(); strings.ContainsAny(said, "\x1b\x7f\u009b\u202e") || !strings.Contains(said, c.shows) {
			t.Errorf("%s shows %q, want %q and nothing that steers", strings.Join(c.args, " "), said, c.shows)
		}
	}
}

// TestEvidenceThatANodeDoesNotGiveIsExplained in the node's words; whoever else answers has only a status.
func TestEvidenceThatANodeDoesNotGiveIsExplained(t *testing.T) {
	for body, want := range map[string]string{
		`{"title": "Not Found", "detail": "round 7 of boiler is not kept"}`: "round 7 of boiler is not kept",
		`{"title": "Not Found"}`: "Not Found",
		`<h1>nginx</h1>`:         "404 Not Found",
	} {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		}))
		_, err := evidenceFlags{}.read(t.Context(), node.URL, nil, 1<<20)
		node.Close()
		if err == nil || err.Error() != "fetch "+node.URL+": "+want {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

// TestTheTokenStaysWithItsNode: another port of the host is another program.
func TestTheTokenStaysWithItsNode(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	node := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer node.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := client{url: node.URL, token: secret.String{File: token}}.ask(t.Context(), http.MethodGet, "/v1/status", "application/json")
	if err == nil || !strings.Contains(err.Error(), "redirect refused") || asked {
		t.Errorf("got %v, and the other was asked: %t; want a refusal", err, asked)
	}
}

// TestARefusedRequestNamesTheFlag that brings the token, and whose token was refused.
func TestARefusedRequestNamesTheFlag(t *testing.T) {
	t.Chdir(t.TempDir())
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sesame-0123456789" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"type": "https://example.org/docs/api.md#problem-token", "title": "Unauthorized", "detail": "this needs a token: send the header Authorization: Bearer TOKEN"}`)
			return
		}
		fmt.Fprint(w, `{"attestation": {}}`)
	}))
	t.Cleanup(node.Close)
	write(t, ".", map[string]string{"right": "sesame-0123456789\n", "wrong": "another-0123456789\n", "empty": ""})
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"status --api " + node.URL:                             {exitFailed, "it wants a token: --token FILE names a file that holds one of its api.tokens, --config FILE the configuration that it runs by"},
		"explain f --token wrong --api " + node.URL:            {exitFailed, "it does not take the token (--token wrong)"},
		"verify " + node.URL:                                   {exitFailed, "it wants a token: --token FILE names a file that holds one of its api.tokens"},
		"verify --token wrong " + node.URL:                     {exitFailed, "it does not take the token (--token wrong)"},
		"verify --token nowhere " + node.URL:                   {exitFailed, "--token nowhere: read secret: open nowhere"},
		"verify --token right " + node.URL:                     {exitInvalid, "INVALID malformed"}, // it was read
		"replay --token right " + node.URL:                     {exitUsage, "it names no feed, or no rules"},
		"replay " + node.URL:                                   {exitFailed, "it wants a token"},
		"contract deploy hub --key right --answer " + node.URL: {exitFailed, "it wants a token"},
	} {
		code, out, talk := said(t, strings.Fields(line)...)
		if code != want.code || !strings.Contains(out+talk, want.says) || strings.Contains(out+talk, "Authorization") || strings.Contains(out+talk, "sesame") {
			t.Errorf("%s: exit code %d, want %d: %s%s, want %q", line, code, want.code, out, talk, want.says)
		}
	}
}

// TestWhatIsNoEvidenceIsNotCalledForged: somebody gave another file. What may have been an answer is judged.
func TestWhatIsNoEvidenceIsNotCalledForged(t *testing.T) {
	for text, code := range map[string]int{
		"": exitUsage, "  \n": exitUsage, "<!DOCTYPE html>": exitUsage, "sources:\n  s: {sim: {}}\n": exitUsage, "43218.55": exitUsage, `["a"]`: exitUsage, "null": exitUsage, `{"price": 1}`: exitUsage, "{}": exitUsage,
		`{"feed": {"name": "f"}, "rules": {}}`: exitUsage, "\xef\xbb\xbf{}": exitUsage,
		`{"attestation": {}}`: exitInvalid, `{"attestation": {"rep`: exitInvalid, `{"answer": null}`: exitInvalid, "{": exitInvalid, `{"feed": 1} {}`: exitInvalid,
	} {
		var out bytes.Buffer
		got := execute(t.Context(), []string{"verify", "-"}, terminal{in: strings.NewReader(text), out: &out, err: &out})
		if invalid := strings.Contains(out.String(), "INVALID"); got != code || invalid != (code == exitInvalid) {
			t.Errorf("%q: exit code %d, want %d; %s", text, got, code, &out)
		}
	}
}

// TestANodeThatHangsIsNotWaitedForLong: who listens, and says nothing, is neither a node that is down nor one that is slow.
func TestANodeThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	hung, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	var talk bytes.Buffer
	code := execute(t.Context(), []string{"status", "--api", "http://" + hung.Addr().String()}, terminal{in: strings.NewReader(""), out: &talk, err: &talk})
	want := "dodona: something listens at http://" + hung.Addr().String() + " and does not answer in 5s; it may hang\n"
	if code != exitFailed || talk.String() != want {
		t.Errorf("it ends with %d, and says %s; want %s", code, &talk, want)
	}
}
