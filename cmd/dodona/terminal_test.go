package main

import (
	"bytes"
	"errors"
	"testing"
)

func TestATerminalIsNotSteeredByStrangers(t *testing.T) {
	said := "{\"a\":1}\n\x1b]0;owned\x07\x1b[2J\u202e\xff"
	for _, c := range []struct {
		watched bool
		want    string
	}{
		{true, "{\"a\":1}\n·]0;owned··[2J··\n"},
		{false, said + "\n"},
	} {
		var out bytes.Buffer
		if err := (terminal{out: &out, watched: c.watched}).text([]byte(said), true); err != nil || out.String() != c.want {
			t.Errorf("watched %t: got %q (%v), want %q", c.watched, out.String(), err, c.want)
		}
	}
	var talk bytes.Buffer
	terminal{err: &talk}.complain(errors.New("the peer says \x1b[2J"))
	if got, want := talk.String(), "dodona: the peer says ·[2J\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
