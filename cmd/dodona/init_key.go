package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/sign"
)

// keyOf finds out which key signs: the one that --key names, one that is there if whoever asks wants it, or a new one.
func (c initCommand) keyOf(ask *asker, d *draft) error {
	if c.Key != "" {
		d.key = c.Key
	}
	_, err := os.Lstat(d.key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err := os.Stat(filepath.Dir(d.key)); err != nil || !info.IsDir() {
			return fmt.Errorf("there is no folder %s to write %s into", filepath.Dir(d.key), filepath.Base(d.key))
		}
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", d.key, err)
	case c.Key == "" && !ask.term.asks:
		return fmt.Errorf("%s is there already, and is not overwritten: to sign with it: --key %s; for another key say another name: dodona init OTHER.yaml", d.key, plain.ShellWord(d.key))
	}
	if err := d.keep(); err != nil {
		return err
	}
	if c.Key == "" {
		text, err := ask.maybe(fmt.Sprintf("%s is there, the key of %s: sign with it? yes or no", printable(d.key), d.keeper), "yes", checkYes)
		if err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(text), "n") {
			return fmt.Errorf("%s is not overwritten: for another key say --key OTHER.key, which is made", d.key)
		}
	}
	return nil
}

func checkYes(s string) error {
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no":
		return nil
	}
	return errors.New("want yes or no")
}

// keep takes the key that is there, a raw one or a keystore.
func (d *draft) keep() error {
	_, keystore, err := keyfile.Read("", d.key)
	if err != nil {
		return err
	}
	address, _, err := sign.AddressIn(d.key)
	switch {
	case err == nil:
		d.keeper = address.String()
	case errors.Is(err, sign.ErrNoAddress):
		d.keeper = "nobody that it names"
	default:
		return err
	}
	if d.kept = true; keystore {
		d.password = strings.TrimSuffix(d.key, ".json") + ".password"
	}
	return nil
}

// makeKey writes a new key, unless one is kept, and returns whose it is.
func (d draft) makeKey() (address string, err error) {
	if d.kept {
		return d.keeper, nil
	}
	key, err := sign.NewKey()
	if err == nil {
		err = sign.WriteRaw(d.key, key)
	}
	if err != nil {
		return "", err
	}
	return key.Address().String(), nil
}

// tellKey says whose key signs, and what it wants.
func (d draft) tellKey(term terminal, address string) error {
	if !d.kept {
		return term.fold("wrote %s: the key of %s; keep a copy, and let nobody else read it", printable(d.key), address)
	}
	if err := term.fold("kept %s: the key of %s; no two nodes may run with it at once", printable(d.key), address); err != nil || d.password == "" {
		return err
	}
	if _, err := os.Stat(d.password); errors.Is(err, fs.ErrNotExist) {
		return term.fold("it is a keystore, so the node needs its password: (umask 077; cat > %s)   # type it, Enter, Ctrl-D", plain.ShellWord(d.password))
	}
	return nil
}
