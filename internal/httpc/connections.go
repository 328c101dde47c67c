package httpc

import (
	"net/http"
	"sync"
	"time"
)

// connections are those of one transport after another, so that none lives for ever, and none outlives the files that vouch for it.
type connections struct {
	make  func() (*http.Transport, error)
	files []string // that make reads
	age   time.Duration
	now   func() time.Time

	mu      sync.Mutex
	current *http.Transport // nil before the first request, and after one without an answer
	born    time.Time
	stamp   string // of the files
}

// RoundTrip makes one exchange on a connection that is young enough.
func (c *connections) RoundTrip(req *http.Request) (*http.Response, error) {
	t, err := c.young()
	if err != nil {
		return nil, err
	}
	if asked, ours := req.Context().Value(askingKey{}).(*asking); ours {
		asked.over, asked.by = c, t
	}
	return t.RoundTrip(req)
}

func (c *connections) young() (*http.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, read := c.now(), stamp(c.files)
	if c.current != nil && now.Sub(c.born) < c.age && read == c.stamp {
		return c.current, nil
	}
	t, err := c.make()
	if err != nil {
		return nil, err
	}
	if c.current != nil {
		c.current.CloseIdleConnections() // and those in use when their request ends
	}
	c.current, c.born, c.stamp = t, now, read
	return t, nil
}

// leave lets go of connections over which no answer came in time. Who still waits on one of them goes on doing so.
func (c *connections) leave(t *http.Transport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != t {
		return
	}
	t.CloseIdleConnections()
	c.current = nil
}

// CloseIdleConnections is for [http.Client].
func (c *connections) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		c.current.CloseIdleConnections()
	}
}
