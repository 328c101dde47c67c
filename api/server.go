package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/dodona-oracle/dodona/internal/loopback"
)

// A Server is a handler with its listener. Make it with [Listen], then call Run.
type Server struct {
	handler  *Handler
	listener net.Listener
	server   *http.Server
}

// The bounds of a connection.
const (
	maxConnections = 256
	reserve        = 32 // beyond those, for who looks after the node
	maxHeaderBytes = 16 << 10
	headerDeadline = 5 * time.Second
	readTimeout    = 10 * time.Second // of a request with its body
	writeTimeout   = time.Minute      // of one answer; streams set their own
	idleTimeout    = 30 * time.Second // many more than maxConnections may want a place
	grace          = 5 * time.Second  // for requests under way when the server ends
)

// ErrListen is the error of an address that cannot be listened on: who starts the node can name another one.
var ErrListen = errors.New("listen on api.listen")

// Listen opens address ("127.0.0.1:8080", ":8080"), so that a port that is taken is known before anything else
// starts. Beyond loopback it refuses to listen without tokens. Nothing is answered before Run.
func Listen(ctx context.Context, address string, c Config) (*Server, error) {
	if err := CheckTokens(c.Tokens); err != nil {
		return nil, err
	}
	if err := CheckListen(address, len(c.Tokens) > 0); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListen, err)
	}
	h := New(c)
	return &Server{handler: h, listener: newRoom(l, maxConnections, reserve), server: newServer(h)}, nil
}

func newServer(h *Handler) *http.Server {
	return &http.Server{
		ConnState:                    noteState,
		ConnContext:                  withConnection,
		Handler:                      h,
		ReadHeaderTimeout:            headerDeadline,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(h.log.Handler(), slog.LevelDebug), // what strangers do wrong
	}
}

// CheckListen returns an error for an address that cannot be listened on, or must not be without tokens.
// It does not touch the network.
func CheckListen(address string, tokens bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return fmt.Errorf("api.listen %q: want host:port, such as 127.0.0.1:8080", address)
	}
	if tokens || loopback.Is(host) {
		return nil
	}
	return fmt.Errorf("api.listen %q reaches beyond this machine: name at least one token under api.tokens, or listen on 127.0.0.1", address)
}

// Addr returns the address that is listened on, with its real port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL returns where a browser on this machine finds the page.
func (s *Server) URL() string {
	host, port, _ := net.SplitHostPort(s.Addr().String())
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Run answers until ctx ends, then ends the streams, gives requests under way five seconds, and returns nil.
// It returns an error if the listener breaks. Call it once.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(s.listener) }() // owned by Run, which waits for it below
	select {
	case err := <-failed:
		s.handler.EndStreams()
		_ = s.server.Close()
		return fmt.Errorf("serve the api: %w", err)
	case <-ctx.Done():
	}
	s.handler.EndStreams()
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := s.server.Shutdown(late); err != nil {
		_ = s.server.Close() // whoever is left has had their time
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the api: %w", err)
	}
	return nil
}

// Attach gives the handler what it shows, if it was made without.
func (s *Server) Attach(state State) { s.handler.Attach(state) }

// Close gives the listener up if Run is never called.
func (s *Server) Close() error { return s.listener.Close() }
