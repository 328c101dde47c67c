package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWhatToDoIsToldByWhatTheServerSaid, whatever words stand in an error.
func TestWhatToDoIsToldByWhatTheServerSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	mux := http.NewServeMux()
	for _, status := range []int{401, 403, 404, 410, 418, 500} {
		mux.HandleFunc(fmt.Sprintf("/%d", status), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	open, secured := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	defer open.Close()
	defer secured.Close()
	const asks, missing = "it wants to know who asks", "nothing is there"
	for url, want := range map[string]string{
		open.URL + "/401":    asks,
		open.URL + "/403":    asks,
		open.URL + "/404":    missing,
		open.URL + "/410":    missing,
		open.URL + "/418":    "",
		open.URL + "/500":    "",
		secured.URL + "/200": "its certificate is of nobody that this machine trusts",
		strings.Replace(open.URL, "http:", "https:", 1): "speaks http, not https",
	} {
		code, _, talk := said(t, "init", "--url", url)
		told := strings.Split(strings.TrimSpace(talk), "\n")
		if last := told[len(told)-1]; code != exitFailed || want != "" && !strings.Contains(last, want) || want == "" && len(told) != 1 {
			t.Errorf("init --url %s: exit %d, %q, want %q below", url, code, talk, want)
		}
	}
}

// TestWhoeverAnswersIsWhomTheAddressMeans: without a scheme, what a server said ends the tries.
func TestWhoeverAnswersIsWhomTheAddressMeans(t *testing.T) {
	t.Chdir(t.TempDir())
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, _, talk := said(t, "init", "--url", strings.TrimPrefix(server.URL, "http://")+"/x")
	if tls, plain := strings.Index(talk, "read https://"), strings.Index(talk, "read http://"); tls < 0 || plain < tls || strings.Count(talk, "nothing is there") != 1 {
		t.Errorf("got %q, want what https met, then what http did", talk)
	}
}
