package node

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sign"
)

// An identity is who a node is: its key, the secret that salts its readings, and the network it speaks for.
type identity struct {
	key     *sign.Key
	salts   [32]byte
	lost    string // a file that was made anew beside older records, and what that means; empty if none was
	network dodona.Network
	quorum  dodona.Quorum
}

// mark returns how the trail of what a node delivers names it.
func (id identity) mark(name string) string { return observed.Mark(name, id.key.Address()) }

// The files in the data folder that make a node itself.
const (
	passwordFile = "keys/password"
	saltFile     = "keys/salts"
)

// loadIdentity reads who a node is, with the key that its configuration names, if that names one. A start that may begin a new network makes
// an own key that is gone anew.
func loadIdentity(c *config.Config, named *sign.Key, mayBegin bool) (id identity, err error) {
	if err := os.MkdirAll(filepath.Join(c.Node.Data, "keys"), 0o700); err != nil {
		return id, fmt.Errorf("make data folder: %w", err)
	}
	if id.key = named; named == nil {
		if id.key, err = loadOwnKey(c.Node, mayBegin); err != nil {
			return id, lastingSecret(err)
		}
	}
	salts := filepath.Join(c.Node.Data, saltFile)
	anew := gone(salts)
	if id.salts, err = loadSalts(salts); err != nil {
		return id, lastingSecret(err)
	}
	if anew && journal.Used(c.Node.Data) {
		id.lost = salts + " was gone and is made anew: bundles of rounds that this process observed before cannot be exported, unless you restore " +
			"the file from a backup; then those of rounds since cannot"
	}
	id.quorum = dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{id.key.Address()}}
	if q := c.Network.Quorum; q != nil {
		id.quorum = dodona.Quorum{Scheme: "ecdsa", K: q.K, Members: q.Members}
	}
	id.network = dodona.Network{Name: c.Network.Name, First: id.quorum.Digest()}
	return id, nil
}

// openNamed opens the key that a configuration names; nil: it names none but the node's own. It makes nothing.
func openNamed(c *config.Config) (*sign.Key, error) {
	k := c.Node.Key
	if k.Hex.IsZero() && k.Password.IsZero() && (k.File == "" || k.File == keyfile.Own(c.Node.Data)) {
		return nil, nil
	}
	return sign.Open(c.Written("node.key"), k)
}

// ErrKeyGone: the configuration names no key, and the node's own is not there any more. Nothing was started; ask where it is.
var ErrKeyGone = errors.New("it is gone although this node has run before")

// loadOwnKey opens the node's own key, which the first start makes.
func loadOwnKey(c config.Node, mayBegin bool) (*sign.Key, error) {
	own := keyfile.Own(c.Data)
	// The salts are written after the key, and a journal is opened after both. With a new key the node would be of another network, and nobody would
	// tell of what it wrote before.
	if gone(own) && !mayBegin && (!gone(filepath.Join(c.Data, saltFile)) || journal.Used(c.Data)) {
		whose := ""
		if was, err := readPast(c.Data); err == nil && was != nil {
			whose = ", last with the key of " + was.Key.String()
		}
		return nil, fmt.Errorf("open key %s: %w%s; restore it from a backup, name the key that it had as node.key, "+
			"or take another folder as node.data to begin anew with another key and so another network (in this folder: dodona run --new-network)", own, ErrKeyGone, whose)
	}
	return ownKey(own, filepath.Join(c.Data, passwordFile))
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// ownKey opens the key that the node made for itself. Its password lies beside it, so it is as safe as the folder:
// the format is for moving the key, not for hiding it.
func ownKey(path, passwordPath string) (*sign.Key, error) {
	password, err := os.ReadFile(passwordPath)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(path); err == nil {
			return nil, fmt.Errorf("open key %s: its password file %s is gone; restore it, or name the key under node.key", path, passwordPath)
		}
		password = []byte(rand.Text())
		if err := secret.WriteFile(passwordPath, password); err != nil {
			return nil, fmt.Errorf("write password of the node's key: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("read password of the node's key: %w", err)
	}
	key, err := sign.ReadKeystore(path, string(password))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; restore it, or its password file %s if that is damaged, from a backup", err, passwordPath)
	}
	if err == nil {
		return key, nil
	}
	if key, err = sign.NewKey(); err != nil {
		return nil, err
	}
	return key, sign.WriteKeystore(path, key, string(password))
}

// loadSalts reads the secret that salts readings, and makes it at the first start.
func loadSalts(path string) (salts [32]byte, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := rand.Read(salts[:]); err != nil {
			return salts, fmt.Errorf("make salts: %w", err)
		}
		return salts, secret.WriteFile(path, []byte(hex.EncodeToString(salts[:])))
	}
	if err != nil {
		return salts, fmt.Errorf("read salts: %w", err)
	}
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(salts) {
		return salts, fmt.Errorf("read salts: %s does not hold 64 hex digits; restore it from a backup (or remove it: bundles of older rounds can then not be exported)", path)
	}
	return [32]byte(b), nil
}

// salt returns HMAC-SHA256(node secret, feed ‖ round ‖ index): fresh for every reading of every round,
// and found again when a bundle is exported.
func (id identity) salt(feed dodona.FeedID, round dodona.Round, index int) dodona.Digest {
	mac := hmac.New(sha256.New, id.salts[:])
	mac.Write(feed[:])
	var numbers [12]byte
	binary.BigEndian.PutUint64(numbers[:8], uint64(round))
	binary.BigEndian.PutUint32(numbers[8:], uint32(index))
	mac.Write(numbers[:])
	return dodona.Digest(mac.Sum(nil))
}
