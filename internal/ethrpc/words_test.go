package ethrpc

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// TestAStrangersWordsAreBoundedWhereTheyAreRead: a message, data, a refusal for pace, and what the HTTP library quotes.
func TestAStrangersWordsAreBoundedWhereTheyAreRead(t *testing.T) {
	long := strings.Repeat("<\x1b[31m\u202e\n", 20_000)
	words, _ := json.Marshal("no money; " + long)
	body := `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":` + string(words) + `,"data":` + string(words) + `}}`
	for name, answers := range map[string]func(w http.ResponseWriter){
		"an error":      func(w http.ResponseWriter) { _, _ = io.WriteString(w, body) },
		"with a status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest); _, _ = io.WriteString(w, body) },
		"for pace":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests); _, _ = io.WriteString(w, body) },
		"no JSON":       func(w http.ResponseWriter) { _, _ = io.WriteString(w, long) },
		"an id":         func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"id":`+string(words)+`,"result":"0x1"}`) },
		"a result":      func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"id":1,"result":`+string(words)+`}`) },
		"a status line": func(w http.ResponseWriter) { raw(w, "HTTP/1.1 "+strings.Repeat("\x1b[31m<", 9_000)+"\r\n\r\n") },
		"a header field": func(w http.ResponseWriter) {
			raw(w, "HTTP/1.1 200 OK\r\n"+strings.Repeat("\x1b[31m<", 9_000)+"\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answers(w) }))
			defer server.Close()
			c, err := NewClient(Options{URLs: []string{server.URL}, Patience: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			err = c.Call(t.Context(), new(Uint), "eth_blockNumber")
			if err == nil || len(err.Error()) > 600 || !plain.Is(err.Error()) {
				t.Fatalf("an error of %d bytes, %.200q", len(err.Error()), err)
			}
			var said *Error
			if errors.As(err, &said) && (len(said.Message) > 310 || !plain.Is(said.Message) || len(said.Data) > mostRevert) {
				t.Errorf("a message of %d bytes with data of %d: %.200q", len(said.Message), len(said.Data), said.Message)
			}
			if text := c.Endpoints()[0].Error; len(text) > 600 || !plain.Is(text) {
				t.Errorf("the endpoint's error of %d bytes: %.200q", len(text), text)
			}
		})
	}
}

// raw answers bytes that are no HTTP.
func raw(w http.ResponseWriter, text string) {
	hijacker, _ := w.(http.Hijacker)
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer func(c net.Conn) { _ = c.Close() }(conn)
	_, _ = io.WriteString(conn, text)
}
