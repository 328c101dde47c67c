// Package keyfile says how a configuration names a private key, what a file of one holds, and what is wrong with either.
package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// A Key names a private key: a file, or the key itself. The zero Key names none. It is written as a map, as a single value,
// which is the key itself, or as {env: NAME}, which is where that is.
type Key struct {
	// File holds the key, for its owner's eyes alone: a keystore in Web3 Secret Storage v3, as `dodona key new` and wallets make
	// them, or 64 hex digits, as `dodona key new --raw` does. Default: the node's own, keys/node.json in the data folder, made
	// at the first start.
	File string `yaml:"file,omitempty" path:"true"`
	// Password opens the keystore. A file that holds it must be its owner's alone, as the keystore. Default: none.
	Password secret.String `yaml:"password,omitempty"`
	// Hex is the key itself, 64 hex digits with or without 0x, for trying things out. It replaces file and password.
	// Default: none.
	Hex secret.String `yaml:"hex,omitempty"`
}

// Own returns the file of the key that a node makes for itself, in its data folder.
func Own(data string) string { return filepath.Join(data, "keys", "node.json") }

// Check says what is wrong with k, without reading a file, or nil. The message begins with name, which is what messages
// call k, such as "node.key"; owner is who has it, such as "a node". It never repeats the key.
func (k Key) Check(name, owner string) error {
	switch {
	case !k.Hex.IsZero() && k.File != "":
		return fmt.Errorf("%s.hex: a key file is given too; %s has one key", name, owner)
	case !k.Hex.IsZero() && k.Hex.File == "" && !k.Password.IsZero():
		return fmt.Errorf("%s.password: goes with a key file, not with hex", name)
	case k.Hex.Inline():
		return checkHex(name+".hex", k.Hex)
	case IsRaw([]byte(k.File)):
		return advice.Hint(fmt.Errorf("%s.file: that is a key, not the path of a file", name), "write the key into a file of mode 0600 and name that")
	case k.IsZero() && !k.Password.IsZero():
		return advice.Hint(fmt.Errorf("%s.password: opens nothing, because no key file is named", name), "name it: file: PATH")
	}
	return nil
}

func checkHex(name string, s secret.String) error {
	text, _ := s.Reveal() // in clear: cannot fail
	if _, err := secp.ParseHex(text); err != nil {
		digits := strings.TrimPrefix(strings.TrimSpace(text), "0x")
		got := fmt.Sprintf("got %d characters", len(digits))
		switch {
		case strings.ContainsAny(digits, "/.") && len(digits) < 200:
			return advice.Hint(fmt.Errorf("%s: not a secp256k1 key: want 64 hex digits, %s", name, got), "the path of a key file is written {file: PATH}")
		case len(digits) == 64 && strings.Trim(digits, "0123456789abcdefABCDEF") == "":
			got = "got a number that is none"
		case len(digits) == 64:
			got = "got other characters"
		}
		return advice.Hint(fmt.Errorf("%s: not a secp256k1 key: want 64 hex digits, %s", name, got), "`dodona key new --raw FILE` makes a key, to be named {file: FILE}")
	}
	return nil
}

// WithHint returns err with what its Hint says to do, for who shows an error alone.
func WithHint(err error) error {
	if hint, _ := advice.Of(err); hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

// IsZero reports whether k names no key. A password alone opens nothing.
func (k Key) IsZero() bool { return k.File == "" && k.Hex.IsZero() }

// Path returns the file that holds the key, under whatever setting, and which setting that is; empty if there is none.
func (k Key) Path(name string) (path, setting string) {
	switch {
	case k.File != "":
		return k.File, name + ".file"
	case k.Hex.File != "":
		return k.Hex.File, name + ".hex"
	}
	return "", name
}

// Same reports whether k and other name the same key in the same way. Two that are not may still be one key.
func (k Key) Same(other Key) bool {
	path, _ := k.Path("")
	its, _ := other.Path("")
	if path != "" && its != "" {
		return filepath.Clean(path) == filepath.Clean(its)
	}
	return path == its && k.Hex.Same(other.Hex)
}

// ErrNoPassword: the file is an encrypted keystore, and nothing says what opens it. Name a password.
var ErrNoPassword = errors.New("no password is configured")

// Look says why k cannot be opened, as far as that shows without opening anything, or nil: files that are there are read, but not what can be
// read once, which is left to [sign.Open]. The message begins with the setting. An error that is [os.ErrNotExist] is of a file or a variable that is not there.
func (k Key) Look(name string) error {
	path, setting := k.Path(name)
	if path == "" {
		return lookAt(name, k.Hex, func(text string) error {
			if _, err := secp.ParseHex(text); err != nil {
				return fmt.Errorf("%s: environment variable %s holds no key: want 64 hex digits", name, k.Hex.Env)
			}
			return nil
		})
	}
	if isOnce(path) {
		return nil
	}
	content, encrypted, err := Read(setting, path)
	if errors.Is(err, os.ErrNotExist) {
		word := plain.ShellWord(path)
		return absent{setting + ": there is no file " + path, "`dodona key new " + word + "` makes a keystore, `dodona key new --raw " + word + "` a key without a password", path}
	}
	if err != nil {
		return err
	}
	defer clear(content)
	switch {
	case !encrypted:
		return nil
	case k.Password.IsZero():
		return k.NoPassword(name)
	}
	return lookAt(name+".password", k.Password, func(string) error { return nil })
}

// ReadOnce reports whether k or its password stands in what can be read once: whoever looks would take it from who needs it.
func (k Key) ReadOnce() bool {
	path, _ := k.Path("")
	return isOnce(path) || isOnce(k.Password.File)
}

// isOnce reports whether something is there that can be read once, or when somebody writes: a pipe, a socket, a terminal.
func isOnce(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeCharDevice) != 0
}

// lookAt says why a secret that is named by a file or a variable cannot be read, or what judge says of it.
func lookAt(setting string, s secret.String, judge func(text string) error) error {
	if s.Env != "" {
		if _, found := os.LookupEnv(s.Env); !found {
			return absent{setting + ": environment variable " + s.Env + " is not set", "", ""}
		}
	}
	if s.File != "" && isOnce(s.File) {
		return nil
	}
	text, err := s.RevealKey()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return absent{setting + ": there is no file " + s.File, "", s.File}
	case err != nil:
		return fmt.Errorf("%s: %w", setting, err)
	}
	return judge(text)
}

// An absent error is of what may be there where the node will run.
type absent struct{ what, hint, file string }

// Absent returns the file that an error of [Key.Look] says is not there; empty if it says so of none.
func Absent(err error) (file string) {
	if a := (absent{}); errors.As(err, &a) {
		return a.file
	}
	return ""
}

func (a absent) Error() string { return a.what }

// Hint says what to do.
func (a absent) Hint() string { return a.hint }

func (a absent) Is(target error) bool { return target == os.ErrNotExist }

// NoPassword returns the error of a keystore without a password: [ErrNoPassword], with the setting to add.
func (k Key) NoPassword(name string) error {
	path, setting := k.Path(name)
	return advice.Hint(
		fmt.Errorf("%s: %s is an encrypted keystore, and %w to open it", setting, path, ErrNoPassword),
		fmt.Sprintf("add %s.password: {file: PATH} or {env: NAME}", name),
	)
}
