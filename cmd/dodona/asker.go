package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/dodona-oracle/dodona/internal/table"
)

// An asker asks whoever sits at the terminal. Without one, each question is answered by its default, or is an error that
// names the flag.
type asker struct {
	term  terminal
	lines *bufio.Reader
}

var errNobody = errors.New("nothing was written: the answers ended")

func (a *asker) line(question string) (string, error) {
	fmt.Fprint(a.term.err, strings.Join(table.Wrap(question+":", a.term.width()-1), "\n"), " ")
	text, err := a.lines.ReadString('\n')
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		fmt.Fprintln(a.term.err)
		return "", errNobody
	}
	return strings.TrimSpace(text), nil
}

// must asks until there is an answer.
func (a *asker) must(question, flag string) (string, error) {
	if !a.term.asks {
		return "", failure{exitUsage, fmt.Errorf("there is no terminal to ask at; say %s", flag)}
	}
	for {
		if text, err := a.line(question); err != nil || text != "" {
			return text, err
		}
	}
}

// maybe asks, and takes what is usual for an empty answer.
func (a *asker) maybe(question, usual string, check func(string) error) (string, error) {
	if !a.term.asks {
		return usual, nil
	}
	if usual != "" {
		question += " [" + usual + "]"
	}
	for {
		text, err := a.line(question)
		if err != nil {
			return "", err
		}
		if text = cmp.Or(text, usual); check == nil {
			return text, nil
		}
		if err := check(text); err == nil {
			return text, nil
		} else {
			a.term.say("%s", printable(err.Error()))
		}
	}
}

// say tells whoever sits there, beside what the command prints, on as many lines as the terminal's width makes of it.
func (t terminal) say(format string, args ...any) {
	for _, line := range table.Wrap(fmt.Sprintf(format, args...), t.width()) {
		fmt.Fprintln(t.err, line)
	}
}
