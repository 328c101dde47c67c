package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// passwordEnv is the variable that holds a password where no flag and nobody at a terminal says one.
const passwordEnv = "DODONA_PASSWORD"

// A passwordFlag says where a password is. There is no flag for the password itself, because command lines are seen by everybody on
// the machine.
type passwordFlag struct {
	PasswordFile string `help:"File that holds the password; otherwise DODONA_PASSWORD, or it is asked for on a terminal." placeholder:"FILE"`
}

// A password is one with where a configuration would find it.
type password struct {
	text string
	from secret.String // zero if somebody typed it
}

// given returns the password that the command line or the environment says, and whether one does.
func (f passwordFlag) given() (p password, given bool, err error) {
	if f.PasswordFile != "" {
		p.from = secret.String{File: f.PasswordFile}
		p.text, err = p.from.RevealKey()
		return p, true, err
	}
	if _, found := os.LookupEnv(passwordEnv); found {
		p.from = secret.String{Env: passwordEnv}
		p.text, err = p.from.Reveal()
		return p, true, err
	}
	return p, false, nil
}

// old returns the password of a key file that is there.
func (f passwordFlag) old(t terminal, path string) (string, error) {
	p, given, err := f.given()
	if given || err != nil {
		return p.text, err
	}
	return t.askOnce("password of " + path)
}

// maxAsked is how often two passwords may differ before nobody is asked any more.
const maxAsked = 3

// fresh returns the password for a key file that is to be made.
func (f passwordFlag) fresh(t terminal, path string) (p password, err error) {
	p, given, err := f.given()
	if errors.Is(err, secret.ErrEmpty) {
		return p, failure{exitUsage, fmt.Errorf("%w: anybody could open a key with no password (--raw makes one without)", err)}
	}
	if err != nil {
		return p, err
	}
	for asked := 0; !given && asked < maxAsked; asked++ {
		var again string
		if p.text, err = t.askOnce("new password for " + path); err != nil {
			return p, err
		}
		if p.text == "" {
			fmt.Fprintln(t.err, "an empty password opens to anybody (--raw makes a key without one); once more")
			continue
		}
		if again, err = t.askOnce("the same again"); err != nil || again == p.text {
			return p, err
		}
		fmt.Fprintln(t.err, "the two differ; once more")
	}
	if !given {
		return p, failure{exitUsage, errors.New("no password was said twice; nothing was written")}
	}
	return p, nil
}

var errNoTerminal = errors.New("a password is needed, and there is no terminal to ask for it: give --password-file FILE, set " + passwordEnv + ", or run this on a terminal")

// askOnce asks whoever is at the terminal for a secret and reads a line that is not shown. Without a terminal it fails.
func (t terminal) askOnce(what string) (string, error) {
	tty, closing, found := t.tty()
	if !found {
		return "", failure{exitUsage, errNoTerminal}
	}
	defer closing()
	fmt.Fprintf(t.err, "%s (not shown): ", what)
	text, err := hidden(tty)
	fmt.Fprintln(t.err)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return text, nil
}

// tty returns the terminal where somebody can be asked: standard input, or, if that brings data, the one of the process if its talk goes to one.
func (t terminal) tty() (tty *os.File, closing func(), found bool) {
	if in, ok := t.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return in, func() {}, true
	}
	talk, ok := t.err.(*os.File)
	if !ok || !term.IsTerminal(int(talk.Fd())) {
		return nil, nil, false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, false
	}
	return tty, func() { _ = tty.Close() }, true
}

// hidden reads a line without showing it. A signal that ends the process finds the terminal as it was.
func hidden(tty *os.File) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	signals, done, ended := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		defer close(ended)
		select {
		case s := <-signals:
			_ = term.Restore(fd, before)
			_, _ = tty.WriteString("\n")
			os.Exit(128 + int(s.(syscall.Signal))) // as a shell tells it, also where the signal was ignored before
		case <-done:
		}
	}()
	text, err := term.ReadPassword(fd)
	signal.Stop(signals)
	close(done)
	<-ended
	return string(text), err
}
