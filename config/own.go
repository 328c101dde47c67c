package config

import (
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// The sections that no stage owns.

const leastMemory = 32 * unit.MiB // of a process

// Node is this process.
type Node struct {
	// Name is the name of this node in subjects and records: a to z, digits and hyphens. Give every node of a
	// journal its own. Default: node.
	Name string `yaml:"name"`
	// Data is the folder of the journal and of the key. One process owns it at a time. Default: ./data.
	Data string `yaml:"data" path:"folder"`
	// Memory is how much memory the process should live in; the garbage collector works harder near it, and readings
	// are taken in no faster than a 64th of it a second, after a burst of an eighth. It is a goal, not a wall.
	// A reload changes the former; the pace of readings changes with a restart. Default: 128MiB.
	Memory unit.Size `yaml:"memory" live:"true"`
	// Key is the key this node signs with. Default: keys/node.json in the data folder, made at the first start.
	Key keyfile.Key `yaml:"key"`
}

// Default fills in the defaults.
func (n *Node) Default() { *n = Node{Name: "node", Data: "./data", Memory: 128 * unit.MiB} }

// Check says what is wrong with the settings.
func (n *Node) Check() error {
	var errs []error
	if err := dodona.CheckName(n.Name, 1); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if n.Data == "" {
		errs = append(errs, errors.New("data: want a folder, such as ./data"))
	}
	if n.Memory < leastMemory {
		errs = append(errs, fmt.Errorf("memory: %s: want at least %s", n.Memory, leastMemory))
	}
	return errors.Join(append(errs, n.Key.Check("key", "a node"))...)
}

// withKey names the key that a node makes for itself, if the file names none.
func (n *Node) withKey() {
	if n.Key.IsZero() {
		n.Key.File = keyfile.Own(n.Data)
	}
}

// Network is the network whose answers a node signs.
type Network struct {
	// Name is the name of the network. Together with the first quorum it makes the network id that is signed.
	// Default: local.
	Name string `yaml:"name"`
	// Quorum is whose signatures count. Several members are to come: until then a node signs alone, and there is nothing to set here. Default: this node's own key, 1 of 1.
	Quorum *Quorum `yaml:"quorum,omitempty"`
}

// Quorum is whose signatures count and how many are enough.
type Quorum struct {
	// K is how many signatures are enough, which is 1 of 1 today. Once there are several members: at least ⌊(n+f)/2⌋+1 of n members, of whom f = ⌊(n−1)/3⌋ may lie.
	// Default: the least that is allowed.
	K int `yaml:"k"`
	// Members are the addresses of the members, 0x and 40 hex digits each: today one, that of this node's key. More are to come. Required.
	Members []dodona.Address `yaml:"members"`
}

// Default fills in the defaults.
func (n *Network) Default() { n.Name = "local" }

// Check says what is wrong with the settings.
func (n *Network) Check() error {
	if err := dodona.CheckName(n.Name, feed.MaxNameParts); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	return nil
}

// Log is what the node says on standard error.
type Log struct {
	// Level is the least important line that is written: debug, info, warn or error. Default: info.
	Level Level `yaml:"level" live:"true"`
	// Format is text (for people) or json. Default: text.
	Format Format `yaml:"format"`
}

// Level is the least important line that is written.
type Level string

// Words returns the levels.
func (Level) Words() []string { return []string{"debug", "info", "warn", "error"} }

// Format is how lines are written.
type Format string

// Words returns the formats.
func (Format) Words() []string { return []string{"text", "json"} }

// Default fills in the defaults.
func (g *Log) Default() { *g = Log{Level: "info", Format: "text"} }
