package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/loopback"
)

// A front is what the browser of a demo reaches: the node's page and API as they are, and on the page a panel of the devices, each with a
// button that pulls its plug. It is the demo's own, so no node has such a button.
type front struct {
	devices  *devices
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
}

//go:embed panel.js
var panel []byte

// panelTag loads the panel after the page's own script.
const panelTag = `<script type="module" src="demo.js"></script>` + "\n</head>"

// mostPage bounds the page that the panel is added to, in bytes.
const mostPage = 1 << 20

// openFront listens at address, so that a port that is taken is known before the node starts. Nothing is answered before serve.
func openFront(ctx context.Context, address string, d *devices) (*front, error) {
	if err := api.CheckListen(address, false); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the page: %w", err)
	}
	return &front{devices: d, listener: l}, nil
}

func (f *front) url() string { return "http://" + f.listener.Addr().String() }

// serve answers in front of the node at a URL, until close.
func (f *front) serve(node string) error {
	at, err := url.Parse(node)
	if err != nil {
		return fmt.Errorf("find the node: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", behind(at))
	mux.HandleFunc("GET /demo.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(panel) // nobody to tell
	})
	mux.HandleFunc("GET /demo/devices", f.list)
	mux.HandleFunc("POST /demo/devices/{name}/{what}", f.plug)
	f.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	f.serving.Go(func() { _ = f.server.Serve(f.listener) }) // returns ErrServerClosed
	return nil
}

// close ends what is served, and waits.
func (f *front) close() {
	_ = f.listener.Close()
	if f.server != nil {
		_ = f.server.Close()
	}
	f.serving.Wait()
}

// behind hands requests to the node under the name they came for, which it judges, and adds the panel to the page.
func behind(node *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(node)
			r.Out.Host = r.In.Host
			if r.In.URL.Path == "/" {
				r.Out.Header.Del("If-None-Match") // it is another page
				r.Out.Header.Set("Accept-Encoding", "identity")
			}
		},
		ModifyResponse: addPanel,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the node of the demo does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
}

func addPanel(r *http.Response) error {
	if r.Request.URL.Path != "/" || r.StatusCode != http.StatusOK {
		return nil
	}
	page, err := io.ReadAll(io.LimitReader(r.Body, mostPage))
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	page = bytes.Replace(page, []byte("</head>"), []byte(panelTag), 1)
	r.Body = io.NopCloser(bytes.NewReader(page))
	r.Header.Del("Etag")
	r.Header.Set("Content-Length", strconv.Itoa(len(page)))
	r.ContentLength = int64(len(page))
	return nil
}

func (f *front) list(w http.ResponseWriter, r *http.Request) {
	if !own(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"devices": f.devices.list()})
}

func (f *front) plug(w http.ResponseWriter, r *http.Request) {
	if !own(w, r) {
		return
	}
	if r.Header.Get(api.RequestHeader) == "" {
		http.Error(w, "this needs the header "+api.RequestHeader+", which no page of another site can send", http.StatusForbidden)
		return
	}
	what := r.PathValue("what")
	if what != "plug" && what != "unplug" {
		http.Error(w, "want plug or unplug", http.StatusNotFound)
		return
	}
	switch err := f.devices.plug(r.PathValue("name"), what == "plug"); {
	case errors.Is(err, errNoDevice):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		f.list(w, r)
	}
}

// own refuses names by which a page of another site may have come here.
func own(w http.ResponseWriter, r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err == nil && loopback.Is(host) {
		return true
	}
	http.Error(w, "the demo does not answer to this host: use 127.0.0.1", http.StatusMisdirectedRequest)
	return false
}
