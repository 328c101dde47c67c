package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source"
)

func (c *client) method() string {
	switch {
	case c.settings.Method != "":
		return string(c.settings.Method)
	case c.settings.Body != "":
		return nethttp.MethodPost
	}
	return nethttp.MethodGet
}

func (c *client) hasCredentials() bool {
	s := c.settings
	return s.Basic != nil || !s.Bearer.IsZero() || s.OAuth2 != nil || len(s.Headers)+len(s.Query) > 0
}

// A revealer reads secrets and remembers them, so that no error shows them.
type revealer struct{ seen []string }

func (r *revealer) reveal(key string, s secret.String) (string, error) {
	text, err := s.Reveal()
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	r.seen = append(r.seen, text)
	return text, nil
}

// request builds the request and returns, beside it, the texts that no error may show.
// Secrets are read anew each time, so that a rotated one needs no restart.
func (c *client) request(ctx context.Context, from *url.URL) (*nethttp.Request, []string, error) {
	var secrets revealer
	target, err := c.target(from, &secrets)
	if err != nil {
		return nil, nil, err
	}
	var body io.Reader
	if c.settings.Body != "" {
		body = strings.NewReader(c.settings.Body)
	}
	req, err := nethttp.NewRequestWithContext(ctx, c.method(), target, body)
	if err != nil {
		return nil, nil, dodona.Permanent(errors.New("url: cannot be requested"))
	}
	req.Header.Set("User-Agent", "dodona/"+c.env.Version)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := c.setHeaders(req, &secrets); err != nil {
		return nil, nil, err
	}
	if err := c.authorize(req, &secrets); err != nil {
		return nil, nil, err
	}
	if c.settings.OAuth2 != nil {
		bearer, err := c.bearer(ctx, &secrets)
		if err != nil {
			return nil, nil, err
		}
		req.Header.Set("Authorization", scheme+bearer)
	}
	c.revalidate(req)
	return req, secrets.seen, nil
}

const accept = "application/json, */*;q=0.5"

// target returns the URL with the secret query parameters in it.
func (c *client) target(from *url.URL, secrets *revealer) (string, error) {
	u := *from
	query := u.Query()
	for _, values := range query {
		secrets.seen = append(secrets.seen, values...)
	}
	for name, s := range c.settings.Query {
		text, err := secrets.reveal("query "+name, s)
		if err != nil {
			return "", err
		}
		query.Set(name, text)
	}
	secrets.seen = append(secrets.seen, u.RawQuery)
	if len(c.settings.Query) > 0 {
		u.RawQuery = query.Encode()
		secrets.seen = append(secrets.seen, u.RawQuery)
	}
	return u.String(), nil
}

func (c *client) setHeaders(req *nethttp.Request, secrets *revealer) error {
	for name, s := range c.settings.Headers {
		text, err := secrets.reveal("headers "+name, s)
		if err != nil {
			return err
		}
		if strings.EqualFold(name, "host") {
			req.Host = text
			continue
		}
		req.Header.Set(name, text)
	}
	return nil
}

func (c *client) authorize(req *nethttp.Request, secrets *revealer) error {
	if c.settings.Basic != nil {
		password, err := secrets.reveal("basic password", c.settings.Basic.Password)
		if err != nil {
			return err
		}
		req.SetBasicAuth(c.settings.Basic.User, password)
	}
	if !c.settings.Bearer.IsZero() {
		token, err := secrets.reveal("bearer", c.settings.Bearer)
		if err != nil {
			return err
		}
		if err := c.settings.CheckSecret("bearer", token); err != nil {
			return fmt.Errorf("bearer: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	secrets.seen = append(secrets.seen, req.Header.Get("Authorization"))
	return nil
}

// redirects are the settings of that name.
var redirects = map[string]httpc.Redirects{"none": httpc.NoRedirects, "same-host": httpc.SameHost, "any": httpc.AnyHost}

// failure says what was asked for and did not come. ctx is the caller's, limited the one with the time-out in it.
func (c *client) failure(ctx, limited context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := c.method() + " " + c.url.Host
	if limited.Err() != nil || err == context.DeadlineExceeded {
		// Fault (exchange): a server does not answer in time, or byte by byte.
		return fmt.Errorf("%s: no complete answer in %s (timeout)", where, c.settings.Timeout)
	}
	failed := fmt.Errorf("%s: %w", where, err)
	if httpc.IsHopeless(err) {
		failed = dodona.Permanent(failed)
	}
	var waits interface{ RetryAfter() time.Duration }
	if errors.As(err, &waits) && waits.RetryAfter() > 0 {
		return source.RetryAfter(failed, waits.RetryAfter())
	}
	return failed
}
