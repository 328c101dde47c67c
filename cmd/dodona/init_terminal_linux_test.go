package main

import (
	"os"
	"path/filepath"
	"testing"
)

// types waits for a question and types a line.
func (s *seat) types(question, line string) {
	s.t.Helper()
	s.shows(question)
	if _, err := s.keys.WriteString(line + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

// TestAConfigurationIsAskedForOnATerminal, and leaving with Ctrl-C leaves nothing behind.
func TestAConfigurationIsAskedForOnATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	t.Parallel()
	url, dir := documents(t), t.TempDir()
	s := sit(t, dir, nil, "init", "plant.yaml")
	s.types("what to read", url+"/many")
	s.types("which?", "eur")
	s.types("2  /bitcoin/eur  40000.25\r\n", "2")
	s.types("name of the feed of /bitcoin/eur [bitcoin.eur]", "")
	s.types("unit", "Euros")
	s.types("unit, such as Cel, kW.h or USD (empty: none) [EUR]", "")
	s.types("decimals [2]", "")
	s.types("when it was measured: a pointer, or none [/at]", "")
	s.types("how often [10s]", "1m")
	s.shows("dodona run plant.yaml")
	s.ends(exitDone)
	c := checked(t, filepath.Join(dir, "plant.yaml"))
	if f := c.Feeds[0]; f.Feed.Name != "bitcoin.eur" || f.Feed.Unit != "EUR" || f.Feed.Decimals != 2 || f.Settings.Every.String() != "1m0s" {
		t.Errorf("got %+v", f)
	}
	left := t.TempDir()
	s = sit(t, left, nil, "init")
	s.types("what to read", url+"/many")
	s.shows("which?")
	if _, err := s.keys.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if files, _ := os.ReadDir(left); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}
