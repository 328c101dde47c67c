package httpc

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/dodona-oracle/dodona/internal/advice"
)

// bareHost matches what people write for a URL: a host or an address, with a port and a path or without.
var bareHost = regexp.MustCompile(`^(?://)?((?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+|localhost|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9-]+)(:[0-9]{1,5})?(/[^?#@\s]*)?$`)

// CheckURL says what is wrong with the URL of a server, which a setting names. It never repeats a URL that may hold a key; login says
// where user and password belong.
func CheckURL(setting, text, example, login string) error {
	if text == "" {
		return fmt.Errorf("%s: missing, want one such as %s", setting, example)
	}
	u, err := url.Parse(text)
	scheme, rest, found := strings.Cut(text, ":")
	switch {
	case strings.Contains(text, "@") && (!found || !strings.HasPrefix(rest, "//")):
		return fmt.Errorf("%s: no URL such as %s, and %s", setting, example, login)
	case bareHost.MatchString(text):
		return advice.Instead(fmt.Errorf("%s: the scheme is missing: want http:// or https:// in front", setting), "http"+secure(text)+"://"+strings.TrimPrefix(text, "//"))
	case err != nil:
		return fmt.Errorf("%s: not a URL (%w)", setting, errors.Unwrap(err))
	case u.Scheme == "":
		return fmt.Errorf("%s: the scheme is missing: want one such as %s", setting, example)
	case u.Scheme != "http" && u.Scheme != "https":
		err := fmt.Errorf("%s: scheme %.20q: want http or https", setting, u.Scheme)
		if meant := schemeFor(scheme); meant != "" && u.Host != "" && u.User == nil && u.RawQuery == "" {
			return advice.Instead(err, meant+":"+rest)
		}
		return err
	case u.Hostname() == "":
		return fmt.Errorf("%s: names no host; it begins with %s:// and a host", setting, u.Scheme)
	case u.User != nil:
		return fmt.Errorf("%s: %s", setting, login)
	}
	return nil
}

// secure returns "s" for a host that is reached over networks of others.
func secure(text string) string {
	host := bareHost.FindStringSubmatch(text)
	if strings.ContainsAny(host[1], "[:") || host[2] != "" || !strings.Contains(host[1], ".") || strings.Trim(host[1], "0123456789.") == "" {
		return ""
	}
	return "s"
}

// schemeFor returns the scheme that was probably meant.
func schemeFor(scheme string) string {
	switch strings.ToLower(scheme) {
	case "htp", "htttp", "ttp", "hhtp", "http1", "ws", "tcp":
		return "http"
	case "htps", "htpps", "httpss", "htttps", "ttps", "wss", "hhtps", "http2":
		return "https"
	}
	return ""
}
