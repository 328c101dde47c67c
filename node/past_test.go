package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/all"
)

// spoken is a node in a data folder by key and name of its network.
func spoken(dir, key, network string) string {
	return fmt.Sprintf("node: {data: %q, key: {hex: %q}}\nnetwork: {name: %s}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {f: {every: 1s, from: [s]}}\n", dir, strings.Repeat(key, 32), network)
}

// TestAFolderIsOneNetworksUnlessThatIsMeant: a start with another key or another network's name is refused, says both, and changes nothing.
func TestAFolderIsOneNetworksUnlessThatIsMeant(t *testing.T) {
	dir := t.TempDir()
	start := func(text string, begin bool) error {
		t.Helper()
		n, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources(), Sinks: all.Sinks(), Begin: begin})
		if err == nil {
			n.close()
		}
		return err
	}
	mine, other, renamed := spoken(dir, "01", "plant"), spoken(dir, "02", "plant"), spoken(dir, "01", "plant-2")
	note := filepath.Join(dir, pastFile)
	for step, c := range []struct {
		text  string
		begin bool
		want  []string // in the refusal; nil: it starts
	}{
		{mine, false, nil},
		{mine, false, nil},
		{other, false, []string{"belongs to another key", "0x1a642f0e3c3af545e7acbd38b07251b3990914f1", "0x5050a4f4b3f9338c3472dcc01a87c76a144b3c9c", `"plant"`, "--new-network", "node.data", "node.key", "dodona key rotate"}},
		{renamed, false, []string{"belongs to another network", `"plant"`, `"plant-2"`, "--new-network", "network.name"}},
		{mine, false, nil},
		{mine, true, nil},
		{other, true, nil},
		{other, false, nil},
		{mine, false, []string{"belongs to another key"}},
		{renamed, true, nil},
	} {
		before, _ := os.ReadFile(note)
		err := start(c.text, c.begin)
		if c.want == nil {
			if err != nil {
				t.Errorf("step %d: %v", step, err)
			}
			continue
		}
		refused := (*AnotherError)(nil)
		if !errors.As(err, &refused) {
			t.Errorf("step %d: got %v, want a refusal", step, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(refused.Error(), want) {
				t.Errorf("step %d: the refusal does not say %s:\n%s", step, want, refused)
			}
		}
		if after, _ := os.ReadFile(note); string(after) != string(before) {
			t.Errorf("step %d: a refused start changed what the folder says of itself", step)
		}
	}
}

// TestAFolderWithoutANoteIsWhoseRecordsItHas: an earlier version left none, and flash can take one.
func TestAFolderWithoutANoteIsWhoseRecordsItHas(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"none":    os.Remove,
		"damaged": func(path string) error { return os.Truncate(path, 7) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := openNode(t, spoken(dir, "01", "plant"), Options{})
			network := first.Network().ID()
			first.close()
			if err := spoil(filepath.Join(dir, pastFile)); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Options{Config: load(t, spoken(dir, "02", "plant")), Kinds: all.Sources(), Sinks: all.Sinks()})
			if refused := (*AnotherError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "records of network "+network.String()[:18]+"…") {
				t.Errorf("another key: %v, want a refusal that names the network", err)
			}
			openNode(t, spoken(dir, "01", "plant"), Options{}).close()
			if was, err := readPast(dir); err != nil || was == nil || was.Network != network {
				t.Errorf("the note is not made anew: %v, %v", was, err)
			}
		})
	}
}

// TestAStartThatFailsLeavesNoNote: nobody has signed anything, so what the configuration says may still be corrected.
func TestAStartThatFailsLeavesNoNote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	open := func(text string) error {
		n, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources(), Sinks: all.Sinks()})
		if err == nil {
			n.close()
		}
		return err
	}
	missing := strings.Replace(spoken(dir, "01", "plant"), "{hex: \""+strings.Repeat("01", 32)+"\"}", "{file: no-such-file}", 1)
	if err := open(missing); err == nil || !strings.Contains(err.Error(), "node.key.file") {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a start that failed by its key left a data folder")
	}
	taken := openNode(t, spoken(filepath.Join(t.TempDir(), "other"), "01", "plant"), Options{})
	defer taken.close()
	busy := strings.Replace(spoken(dir, "01", "plant"), "127.0.0.1:0", strings.TrimPrefix(taken.URL(), "http://"), 1)
	if err := open(busy); err == nil {
		t.Fatal("two nodes listen at one port")
	}
	if _, err := os.Stat(filepath.Join(dir, pastFile)); err == nil {
		t.Error("a start that failed left a note")
	}
}

// TestAnOwnKeyThatIsGoneIsMadeAnewOnPurposeOnly, and the refusal says whose it was.
func TestAnOwnKeyThatIsGoneIsMadeAnewOnPurposeOnly(t *testing.T) {
	dir := t.TempDir()
	text := fmt.Sprintf("node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {f: {every: 1s, from: [s]}}\n", dir)
	first := openNode(t, text, Options{})
	was := first.Address()
	first.close()
	if err := os.RemoveAll(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources(), Sinks: all.Sinks()})
	if err == nil || !strings.Contains(err.Error(), was.String()) || !strings.Contains(err.Error(), "--new-network") {
		t.Errorf("got %v, want whose key it was and what to do", err)
	}
	again := openNode(t, text, Options{Begin: true})
	defer again.close()
	if again.Address() == was {
		t.Error("the key that was gone is back")
	}
}

// TestAKeyThatIsGoneIsMissedWhereOnlyTheSaltsAreLeft: they were written after it, so it was there.
func TestAKeyThatIsGoneIsMissedWhereOnlyTheSaltsAreLeft(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadSalts(filepath.Join(dir, saltFile)); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {}}}\nfeeds: {f: {every: 1s, from: [s]}}\n", dir)
	if _, err := Open(t.Context(), Options{Config: load(t, text), Kinds: all.Sources(), Sinks: all.Sinks()}); !errors.Is(err, ErrKeyGone) {
		t.Errorf("got %v, want %v", err, ErrKeyGone)
	}
	if _, err := os.Stat(filepath.Join(dir, "keys", "node.json")); err == nil {
		t.Error("another key was made")
	}
}
