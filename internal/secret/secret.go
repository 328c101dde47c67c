// Package secret keeps passwords, tokens and keys from being printed, and the files that hold them from being read.
package secret

import (
	"fmt"
	"io"
	"os"
)

// Mask is what a secret prints as, whatever its length.
const Mask = "•••"

// A String is a secret given as {file: PATH} or {env: NAME}, or, with a warning, in clear.
// It prints and marshals as •••; only Reveal gives it away.
type String struct {
	File string  // read at Reveal, so that a rotated secret needs no restart
	Env  string  // name of an environment variable
	text *string // a pointer, so that printing a struct that hides a String in an unexported field shows an address
}

// New returns a secret that holds text; an empty text is no secret.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{text: &text}
}

// IsZero reports whether no secret was given.
func (s String) IsZero() bool { return s == String{} }

// Inline reports whether the secret stands in clear in the configuration.
func (s String) Inline() bool { return s.text != nil }

// Same reports whether s and other are named alike, or stand in clear and are equal.
func (s String) Same(other String) bool {
	if s.text != nil && other.text != nil {
		return *s.text == *other.text
	}
	return s == other
}

// Reveal returns the secret, without the line break a file may end in, and without the byte order mark that some editors put before it.
// It fails if the file cannot be read or the variable is not set, and if what is there is no secret: nothing, several lines, no text. Such an
// error says which file or variable, and never what it holds.
func (s String) Reveal() (string, error) {
	return s.reveal(func(*os.File, []byte) error { return nil })
}

// RevealKey is Reveal for a key or what opens one: it returns [ErrMode] if others than the owner may touch the file.
func (s String) RevealKey() (string, error) {
	return s.reveal(func(f *os.File, content []byte) error { return checkMode(f, content, false) })
}

// Exposed says that others than the owner may touch the file of a secret that may be used all the same, and what to do about it; nothing if they
// may not, or if there is no such file.
func (s String) Exposed() (what, cure string) {
	if s.File == "" {
		return "", ""
	}
	_, err := s.read(func(f *os.File, content []byte) error {
		mode, do, err := exposed(f, content, false)
		if do != "" {
			what, cure = fmt.Sprintf("%s has mode %04o: %s", s.File, mode, ErrMode), do
		}
		return err
	})
	if err != nil {
		return "", ""
	}
	return what, cure
}

func (s String) reveal(check func(f *os.File, content []byte) error) (text string, err error) {
	name := "it"
	switch {
	case s.File != "":
		if text, err = s.read(check); err != nil {
			return "", err
		}
		name = s.File
	case s.Env != "":
		found := false
		if text, found = os.LookupEnv(s.Env); !found {
			return "", fmt.Errorf("read secret: environment variable %s %w", s.Env, ErrUnset)
		}
		name = "environment variable " + s.Env
	case s.text != nil:
		text = *s.text
	default:
		return "", nil
	}
	if err := judge(text); err != nil {
		return "", fmt.Errorf("%s %w", name, err)
	}
	return bare(text), nil
}

// maxFileBytes bounds the file of a secret: a path to a device or a log is a mistake, and must not fill the memory.
const maxFileBytes = 64 << 10

func (s String) read(check func(f *os.File, content []byte) error) (string, error) {
	f, err := os.Open(s.File)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", Denied(err, s.File))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if len(b) > maxFileBytes {
		return "", fmt.Errorf("read secret: %s is larger than %d KiB, which no secret is", s.File, maxFileBytes>>10)
	}
	if err := check(f, b); err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return string(b), nil
}

// String prints •••, or nothing if there is no secret.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return Mask
}

// Format prints as String does whatever the verb, so that %#v, %x and %d do not leak.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText writes •••, so that no encoder leaks.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
