package httpc

import "net/http"

// Asking returns a client that makes its exchanges by [Client.Ask], for libraries that make requests themselves, such as handshakes of
// WebSocket. What the library says of an error begins with the URL: [WithoutURL] is behind it. Bodies are as they come.
func (c *Client) Asking(secrets ...string) *http.Client {
	return &http.Client{
		Transport:     asker{c, secrets},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type asker struct {
	client  *Client
	secrets []string
}

// RoundTrip makes one exchange.
func (a asker) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.client.Ask(req, a.secrets...)
	if err != nil {
		return nil, err
	}
	return resp.Response, nil
}
