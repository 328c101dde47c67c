package httpc

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
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
	if trimmed := strings.TrimSpace(text); trimmed != text {
		if err := CheckURL(setting, trimmed, example, login); err != nil {
			return err
		}
		err := fmt.Errorf("%s: a blank stands before or behind the URL", setting)
		if strings.Contains(trimmed, "?") { // perhaps with a key
			return err
		}
		return advice.Instead(err, trimmed)
	}
	u, err := url.Parse(text)
	scheme, rest, found := strings.Cut(text, ":")
	switch {
	case strings.Contains(text, "@") && (!found || !strings.HasPrefix(rest, "//")):
		return fmt.Errorf("%s: no URL such as %s, and %s", setting, example, login)
	case bareHost.MatchString(text):
		return advice.Instead(fmt.Errorf("%s: the scheme is missing: want http:// or https:// in front", setting), "http"+secure(text)+"://"+strings.TrimPrefix(text, "//"))
	case err != nil && strings.Contains(text, "@"):
		return fmt.Errorf("%s: not a URL, and %s", setting, login)
	case err != nil:
		return fmt.Errorf("%s: not a URL (%s)", setting, reason(err))
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
	return CheckPort(setting, u)
}

// reason says why a text is no URL. Where a password has a character that ends the host, what the parser quotes is a part of it.
func reason(err error) string {
	why := errors.Unwrap(err).Error()
	if before, _, quotes := strings.Cut(why, ` "`); quotes {
		return strings.TrimPrefix(before, "net/url: ")
	}
	return why
}

// CheckPort says what is wrong with the port of a URL, if it has one.
func CheckPort(setting string, u *url.URL) error {
	port := u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return fmt.Errorf("%s: port %.10s: want 1 to 65535", setting, port)
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
