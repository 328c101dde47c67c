package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/dodona-oracle/dodona/sign"
)

type keyFile struct {
	Path         string `arg:"" help:"The key file."`
	PasswordFile string `help:"File that holds the password; otherwise DODONA_PASSWORD." placeholder:"FILE"`
	JSON         bool   `name:"json" help:"Print JSON."`
}

// show prints whose key is in the file.
func (k keyFile) show(term terminal, key *sign.Key) error {
	if k.JSON {
		return printJSON(term.out, map[string]any{"address": key.Address(), "file": k.Path})
	}
	_, err := fmt.Fprintln(term.out, key.Address())
	return err
}

func (k keyFile) write(term terminal, key *sign.Key) error {
	word, err := password(k.PasswordFile)
	if err != nil {
		return err
	}
	if word == "" {
		return failure{exitUsage, errors.New("the password is empty: anybody could open the key")}
	}
	if err := sign.WriteKeystore(k.Path, key, word); err != nil {
		return err
	}
	fmt.Fprintf(term.err, "wrote %s; use it as  node: {key: {file: %s, password: {file: …}}}\n", k.Path, k.Path)
	return k.show(term, key)
}

type keyNewCommand struct{ keyFile }

// Run makes a key. It never overwrites a file.
func (c keyNewCommand) Run(term terminal) error {
	key, err := sign.NewKey()
	if err != nil {
		return err
	}
	return c.write(term, key)
}

type keyShowCommand struct{ keyFile }

// Run proves that the password opens the file, and prints the address.
func (c keyShowCommand) Run(term terminal) error {
	word, err := password(c.PasswordFile)
	if err != nil {
		return err
	}
	key, err := sign.ReadKeystore(c.Path, word)
	if err != nil {
		return err
	}
	return c.show(term, key)
}

type keyImportCommand struct{ keyFile }

// Run reads a private key from standard input, so that it is in no command line and no shell history.
func (c keyImportCommand) Run(term terminal) error {
	text, err := io.ReadAll(io.LimitReader(term.in, 256))
	if err != nil {
		return fmt.Errorf("read key from standard input: %w", err)
	}
	key, err := sign.ParseKey(string(text))
	if err != nil {
		return fmt.Errorf("read key from standard input: %w", err)
	}
	return c.write(term, key)
}
