package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sign"
)

// A keyFile is a file of a key, and how it is told of.
type keyFile struct {
	Path string `arg:"" help:"The key file."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// A shownKey is what the commands print of a key.
type shownKey struct {
	Address dodona.Address `json:"address"`
	File    string         `json:"file"`
	Proven  bool           `json:"proven"` // the key was opened, and is that of the address
}

func (k keyFile) show(t terminal, a dodona.Address, proven bool) error {
	if k.JSON {
		return printJSON(t.out, shownKey{a, k.Path, proven})
	}
	_, err := fmt.Fprintln(t.out, a)
	return err
}

// A keyMaker writes a key into a new file.
type keyMaker struct {
	keyFile
	passwordFlag
	Raw bool `help:"Write the key itself, 64 hex digits, without a password: whoever reads the file has the key."`
}

// ready says why no key can be written, before anybody is asked for anything.
func (k keyMaker) ready() error {
	if _, err := os.Lstat(k.Path); err == nil {
		return fmt.Errorf("write key %s: %w; move it away first", k.Path, fs.ErrExist)
	}
	if k.Raw && k.PasswordFile != "" {
		return failure{exitUsage, errors.New("--raw writes the key without a password: leave --password-file out, or --raw")}
	}
	return nil
}

// write keeps a key that make returns, which is called once the password is known.
func (k keyMaker) write(t terminal, make func() (*sign.Key, error)) error {
	if k.Raw {
		key, err := make()
		if err == nil {
			err = sign.WriteRaw(k.Path, key)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.err, "wrote %s, the key itself: whoever reads this file has it; keep a copy where only you find it\n", k.Path)
		return k.tell(t, key, nil)
	}
	p, err := k.fresh(t, k.Path)
	if err != nil {
		return err
	}
	key, err := make()
	if err == nil {
		err = sign.WriteKeystore(k.Path, key, p.text)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "wrote %s, a keystore; keep a copy of it and of its password: nobody can make either again\n", k.Path)
	if p.from.IsZero() {
		p.from = secret.String{File: strings.TrimSuffix(k.Path, ".json") + ".password"}
		fmt.Fprintf(t.err, "the node needs the password too: (umask 077; cat > %s)   # type it, Enter, Ctrl-D\n", plain.ShellWord(p.from.File))
	}
	return k.tell(t, key, &p.from)
}

// tell prints whose key was written, and what a configuration says of it.
func (k keyMaker) tell(t terminal, key *sign.Key, from *secret.String) error {
	value := mapping("file", word(k.Path))
	switch {
	case from == nil:
	case from.File != "":
		value.Entries = append(value.Entries, strict.Entry{Key: "password", Value: mapping("file", word(from.File))})
	default:
		value.Entries = append(value.Entries, strict.Entry{Key: "password", Value: mapping("env", word(from.Env))})
	}
	for _, use := range []struct {
		as   string
		line *strict.Node
	}{
		{"in the two-line form", mapping("signature_key", value)},
		{"as the key of a node", mapping("node", mapping("key", value))},
		{"as the key that a sink pays with", mapping("key", value)},
	} {
		lines := strings.TrimSuffix(string(use.line.YAML()), "\n")
		fmt.Fprintf(t.err, "%s:\n  %s\n", use.as, strings.ReplaceAll(lines, "\n", "\n  "))
	}
	return k.show(t, key.Address(), true)
}

func word(text string) *strict.Node { return &strict.Node{Kind: strict.Scalar, Text: text} }

func mapping(key string, value *strict.Node) *strict.Node {
	return &strict.Node{Kind: strict.Mapping, Entries: []strict.Entry{{Key: key, Value: value}}}
}

type keyNewCommand struct{ keyMaker }

// Run makes a key. It never overwrites a file.
func (c keyNewCommand) Run(t terminal) error {
	if err := c.ready(); err != nil {
		return err
	}
	return c.write(t, sign.NewKey)
}

type keyShowCommand struct {
	keyFile
	passwordFlag
	Check bool `help:"Open the key, and so prove that the password is the right one and the address that of the key."`
}

// Run prints whose key a file says that it holds; with --check, whose it does.
func (c keyShowCommand) Run(t terminal) error {
	if c.Check {
		key, err := sign.OpenFile("", c.Path, func() (string, error) { return c.old(t, c.Path) })
		if err != nil {
			return err
		}
		return c.show(t, key.Address(), true)
	}
	a, proven, err := sign.AddressIn(c.Path)
	if errors.Is(err, sign.ErrNoAddress) {
		return fmt.Errorf("%w; --check opens it", err)
	}
	if err != nil {
		return err
	}
	return c.show(t, a, proven)
}

type keyImportCommand struct{ keyMaker }

// Run reads a private key from standard input, so that it is in no command line and no shell history.
func (c keyImportCommand) Run(t terminal) error {
	if err := c.ready(); err != nil {
		return err
	}
	text, err := c.read(t)
	if err != nil {
		return err
	}
	key, err := sign.ParseKey(text)
	if err != nil {
		return fmt.Errorf("read key from standard input: %w", err)
	}
	return c.write(t, func() (*sign.Key, error) { return key, nil })
}

func (c keyImportCommand) read(t terminal) (string, error) {
	if in, ok := t.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return t.askOnce("private key, 64 hex digits")
	}
	text, err := io.ReadAll(io.LimitReader(t.in, 256))
	if err != nil {
		return "", fmt.Errorf("read key from standard input: %w", err)
	}
	return string(text), nil
}
