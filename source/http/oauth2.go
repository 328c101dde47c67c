package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// OAuth2 says where a token comes from, and for whom: the client credentials of RFC 6749 §4.4.
type OAuth2 struct {
	// TokenURL is the token endpoint of the authorization server. Required.
	TokenURL string `yaml:"token_url"`
	// ClientID is how the authorization server knows this client. Required.
	ClientID string `yaml:"client_id"`
	// ClientSecret is the client's password, best as {file: PATH} or {env: NAME}. Required.
	ClientSecret secret.String `yaml:"client_secret"`
	// Scopes to ask for. Default: none, what the server grants by itself.
	Scopes []string `yaml:"scopes,omitempty"`
	// Params are more parameters of the request for a token, such as audience or resource; their values are secrets and never printed. Default: none.
	Params map[string]secret.String `yaml:"params,omitempty"`
	// Login is how the client says who it is: basic (in the header Authorization) or body (among the parameters). Default: basic.
	Login Login `yaml:"login,omitempty"`
}

// A Login is how a client says who it is: RFC 6749 §2.3.1.
type Login string

// Words returns the choices.
func (Login) Words() []string { return []string{"basic", "body"} }

// check says what is wrong with o, which may be nil.
func (o *OAuth2) check() error {
	if o == nil {
		return nil
	}
	errs := []error{httpc.CheckURL("oauth2.token_url", o.TokenURL, "https://login.example.org/oauth2/token", "they belong in client_id and client_secret")}
	if o.ClientID == "" {
		errs = append(errs, errors.New("oauth2.client_id is required"))
	}
	if o.ClientSecret.IsZero() {
		errs = append(errs, errors.New("oauth2.client_secret is required"))
	}
	if o.Login != "" && o.Login != "basic" && o.Login != "body" {
		errs = append(errs, fmt.Errorf("oauth2.login: %q: want basic or body", o.Login))
	}
	for name := range o.Params {
		if name == "grant_type" || name == "client_id" || name == "client_secret" || name == "scope" {
			errs = append(errs, fmt.Errorf("oauth2.params: %s is sent already", name))
		}
	}
	return errors.Join(errs...)
}

// isAt reports whether tokens come from the host of a URL.
func (o *OAuth2) isAt(u *url.URL) bool {
	from, err := url.Parse(o.TokenURL)
	return err == nil && strings.EqualFold(from.Hostname(), u.Hostname())
}

const (
	maxToken    = 64 << 10         // bytes of an answer with a token
	renewBefore = 30 * time.Second // a token expires; of a short one a tenth of its life
)

// A token is what lets a client in.
type token struct {
	text  string
	until time.Time // zero: until it is refused
}

// bearer returns the token to send, a new one if there is none that is good for a while.
func (c *client) bearer(ctx context.Context, secrets *revealer) (string, error) {
	now := c.env.Now()
	if c.token.text == "" || !c.token.until.IsZero() && !now.Before(c.token.until) {
		fresh, err := c.fetchToken(ctx, now)
		if err != nil {
			return "", err
		}
		c.token = fresh
	}
	secrets.seen = append(secrets.seen, c.token.text)
	return c.token.text, nil
}

// fetchToken asks the authorization server for a token.
func (c *client) fetchToken(ctx context.Context, now time.Time) (t token, err error) {
	o := c.settings.OAuth2
	req, secrets, err := o.request(ctx)
	if err != nil {
		return t, err
	}
	req.Header.Set("User-Agent", "dodona/"+c.env.Version)
	where := "oauth2: POST " + req.URL.Host
	resp, err := c.tokens.Ask(req, secrets...)
	if err != nil {
		return t, fmt.Errorf("%s: %w", where, err)
	}
	defer resp.Close()
	body, err := resp.Whole(maxToken)
	if err != nil {
		return t, fmt.Errorf("%s: %w", where, err)
	}
	var said struct {
		Token   string          `json:"access_token"`
		Type    string          `json:"token_type"`
		Expires json.RawMessage `json:"expires_in"`
		Error   string          `json:"error"`
		Why     string          `json:"error_description"`
	}
	malformed := json.Unmarshal(body, &said)
	switch {
	case resp.StatusCode != nethttp.StatusOK:
		err = &httpc.StatusError{Code: resp.StatusCode}
		if said.Error != "" {
			err = fmt.Errorf("%w: %s", err, plain.Line(resp.Scrub(strings.TrimSuffix(said.Error+": "+said.Why, ": ")), maxWhy))
		}
		if err = fmt.Errorf("%s %w", where, err); resp.StatusCode < 500 && resp.StatusCode != nethttp.StatusTooManyRequests {
			err = dodona.Permanent(fmt.Errorf("%w: check token_url, client_id, client_secret and scopes", err))
		}
		return t, err
	case malformed != nil || said.Token == "":
		return t, dodona.Permanent(fmt.Errorf("%s: the answer has no access_token: check token_url", where))
	case said.Type != "" && !strings.EqualFold(said.Type, "bearer"):
		return t, dodona.Permanent(fmt.Errorf("%s: the token is of type %s, and bearer alone is spoken", where, plain.Line(resp.Scrub(said.Type), maxWhy)))
	case strings.ContainsFunc(said.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return t, dodona.Permanent(fmt.Errorf("%s: the token has characters that no header may have", where))
	}
	return token{said.Token, expiry(now, said.Expires)}, nil
}

// maxWhy is how much is shown of what an authorization server says, in bytes.
const maxWhy = 200

// request builds the request for a token and returns, beside it, the texts that no error may show.
func (o *OAuth2) request(ctx context.Context) (*nethttp.Request, []string, error) {
	var secrets revealer
	password, err := secrets.reveal("oauth2 client_secret", o.ClientSecret)
	if err != nil {
		return nil, nil, err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(o.Scopes) > 0 {
		form.Set("scope", strings.Join(o.Scopes, " "))
	}
	for name, s := range o.Params {
		text, err := secrets.reveal("oauth2 params "+name, s)
		if err != nil {
			return nil, nil, err
		}
		form.Set(name, text)
	}
	if o.Login == "body" {
		form.Set("client_id", o.ClientID)
		form.Set("client_secret", password)
	}
	req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodPost, o.TokenURL, io.Reader(strings.NewReader(form.Encode())))
	if err != nil {
		return nil, nil, dodona.Permanent(errors.New("oauth2 token_url: cannot be requested"))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if o.Login != "body" {
		req.SetBasicAuth(url.QueryEscape(o.ClientID), url.QueryEscape(password))
	}
	return req, secrets.seen, nil
}

// expiry returns when a token is renewed. Servers write its life as a number and, some of them, as text.
func expiry(now time.Time, expires json.RawMessage) time.Time {
	seconds, err := strconv.ParseFloat(strings.Trim(string(expires), `"`), 64)
	if err != nil || seconds <= 0 || seconds > 1e9 {
		return time.Time{}
	}
	life := time.Duration(seconds * float64(time.Second))
	return now.Add(life - min(renewBefore, life/10))
}
