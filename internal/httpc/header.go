package httpc

import (
	"fmt"
	"strings"
)

// IsHeaderName reports whether a header can be called so.
func IsHeaderName(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// CheckHeaderName says why a header of a setting cannot be called so. Behind the name there may be what was to be its value, which may be a secret.
func CheckHeaderName(setting, text string) error {
	if IsHeaderName(text) {
		return nil
	}
	if name, _, more := strings.Cut(text, ":"); more && IsHeaderName(name) {
		return fmt.Errorf("%s: the name %s ends before its colon; what is behind that is the value: %s: {file: PATH}", setting, name, name)
	}
	for i, r := range text {
		if !IsHeaderName(string(r)) {
			return fmt.Errorf("%s: a name has the character %q at byte %d, which none may have", setting, r, i)
		}
	}
	return fmt.Errorf("%s: one has no name", setting)
}
