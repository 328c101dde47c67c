package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/journal"
)

// A past is who a node was at the last start with its data folder.
type past struct {
	Key     dodona.Address `json:"key"`
	Name    string         `json:"name"` // of the network
	Network dodona.Digest  `json:"network"`
}

const pastFile = "identity.json"

func (id identity) past() past {
	return past{Key: id.key.Address(), Name: id.network.Name, Network: id.network.ID()}
}

// readPast returns who a data folder's node was; nil if nothing says so.
func readPast(dir string) (*past, error) {
	f, err := os.Open(filepath.Join(dir, pastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read who this node was: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return nil, fmt.Errorf("read who this node was: %w", err)
	}
	p := new(past)
	if json.Unmarshal(raw, p) != nil || p.Key.IsZero() || p.Network.IsZero() {
		return nil, nil // what flash made of it; the journal tells instead
	}
	return p, nil
}

// remember notes in a data folder who its node is. It returns once that is on the disk.
func (p past) remember(dir string) error {
	if was, err := readPast(dir); err == nil && was != nil && *was == p {
		return nil
	}
	raw, err := json.Marshal(p)
	if err == nil {
		err = durable.Write(filepath.Join(dir, pastFile), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note who this node is: %w", err)
	}
	return nil
}

// AnotherError: the data folder was last another key's or another network's. Nothing was started and nothing was changed; ask whether that is meant.
type AnotherError struct {
	Folder  string
	Setting string   // that names the key
	was     *past    // nil: the folder does not say it in full
	streams []string // of the networks whose records it has, if nothing else says whose it was
	is      past
}

// Error says what the folder has, what was to be started, and what to do.
func (e *AnotherError) Error() string {
	var b strings.Builder
	what := "another network"
	if e.was != nil && e.was.Key != e.is.Key {
		what = "another key"
	}
	fmt.Fprintf(&b, "the data folder %s belongs to %s; nothing was started\n", e.Folder, what)
	if e.was != nil {
		fmt.Fprintf(&b, "  stored      key %s, network %q %s\n", e.was.Key, e.was.Name, e.was.Network)
	} else {
		fmt.Fprintf(&b, "  stored      records of network 0x%s…\n", strings.Join(e.streams, "…, 0x"))
	}
	fmt.Fprintf(&b, "  configured  key %s, network %q %s\n", e.is.Key, e.is.Name, e.is.Network)
	b.WriteString("Whoever checks answers, and every contract, knows the network by its id, which is made of network.name and the first quorum: by itself, this node's key.\n")
	if e.was == nil || e.was.Key != e.is.Key {
		fmt.Fprintf(&b, "To go on as before, put the key back that %s named", e.Setting)
	} else {
		b.WriteString("To go on as before, put network.name and network.quorum back as they were")
	}
	elsewhere := "name another folder as node.data"
	if !strings.HasPrefix(e.Setting, "node.") { // the two-line form has no such setting
		elsewhere = "start in another folder"
	}
	fmt.Fprintf(&b, ". To begin another network, %s.\n", elsewhere)
	b.WriteString("To begin it in this folder on purpose: dodona run --new-network FILE. What was signed before stays there, the old network's.\n")
	b.WriteString("A network's own hand-over to a new key (`dodona key rotate`) is coming.")
	return b.String()
}

// another says whether a data folder was last somebody else's than id; nil if it is id's, or nobody's yet.
func (id identity) another(dir, setting string) (*AnotherError, error) {
	was, err := readPast(dir)
	if err != nil {
		return nil, err
	}
	is := id.past()
	e := &AnotherError{Folder: dir, Setting: setting, was: was, is: is}
	if was != nil {
		if was.Key == is.Key && was.Network == is.Network {
			return nil, nil
		}
		return e, nil
	}
	// A version that left no note wrote it, or the note was lost.
	if e.streams = journal.NetworksIn(dir); len(e.streams) == 0 || journal.UsedFor(dir, is.Network) {
		return nil, nil
	}
	return e, nil
}
