package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// An upgrade brings a data folder of format 1, whose names had no networks in them, to format 2. Stream by stream, the
// embedded server copies every record under its new name to the place that it had, so chains, claims, high-water marks
// and readers' positions stand; then the old stream is removed. What is done is noted in a file. A kill at any moment
// leaves a folder that the next start finishes: a copy that is not noted as done is made again.
type upgrade struct {
	cfg   Config
	log   *slog.Logger
	state upgradeState
	check func() error            // of the folder, before a server starts on it
	step  func(what string) error // called after every step; for tests
}

// upgradeState is the file that says how far an upgrade is.
type upgradeState struct {
	Network dodona.Digest `json:"network"` // to which the records go
	Copied  []string      `json:"copied"`  // old streams whose copies are whole and on the disk
}

const (
	upgradeFile  = "upgrade.json"
	oldModules   = "OBJ_modules"
	upgradeSpare = 16 << 20 // of the disk, beyond the largest stream
)

// oldStreams are in the order in which they are copied: the claims, which tell the network, come last.
var oldStreams = []string{oldModules, streamRaw, streamProof}

// upgradeFolder does what is left to be done to bring the folder to the format of now.
func upgradeFolder(ctx context.Context, cfg Config, check func() error, step func(string) error) error {
	u := &upgrade{cfg: cfg, log: cfg.Log, check: check, step: step}
	if u.step == nil {
		u.step = func(string) error { return nil }
	}
	version, err := readFormat(cfg.Dir)
	if err != nil {
		return err
	}
	begun, err := u.load()
	if err != nil {
		return err
	}
	if version >= formatVersion && !begun {
		return nil
	}
	if err := u.run(ctx, begun); err != nil {
		return fmt.Errorf("bring the folder from format 1 to %d: %w", formatVersion, err)
	}
	return nil
}

func (u *upgrade) run(ctx context.Context, begun bool) error {
	left := u.left()
	if !begun && len(left) == 0 { // of a node whose journal is elsewhere, or that lost its streams
		u.state.Network = u.cfg.Network
		return errors.Join(u.moveHeads(), writeFormat(u.cfg.Dir))
	}
	if len(left) > 0 {
		if err := u.checkRoom(left); err != nil {
			return err
		}
		u.log.Info("journal: the folder is brought to a new format, once; its records are copied", "streams", left)
	}
	if !begun {
		if err := u.begin(ctx, left); err != nil {
			return err
		}
	}
	// From here on an older program is refused.
	if err := writeFormat(u.cfg.Dir); err != nil {
		return err
	}
	if err := u.step("format"); err != nil {
		return err
	}
	if err := u.moveHeads(); err != nil {
		return err
	}
	for _, name := range left {
		if !slices.Contains(u.state.Copied, name) {
			if err := u.copy(ctx, name); err != nil {
				return fmt.Errorf("copy stream %s: %w; the old one is untouched, and the next start copies it again", name, err)
			}
		}
		if err := u.remove(name); err != nil {
			return fmt.Errorf("remove the old stream %s: %w", name, err)
		}
	}
	if err := removeDurably(filepath.Join(u.cfg.Dir, upgradeFile)); err != nil {
		return err
	}
	if len(left) > 0 {
		u.log.Info("journal: the folder has its new format", "network", u.state.Network.Short())
	}
	return u.step("end")
}

// left returns the old streams that are still there.
func (u *upgrade) left() (names []string) {
	for _, name := range oldStreams {
		if _, err := os.Stat(filepath.Join(streamsDir(u.cfg.Dir), name)); err == nil && u.cfg.URL == "" {
			names = append(names, name)
		}
	}
	return names
}

// checkRoom says beforehand if the disk cannot hold a copy: streams are copied one after the other.
func (u *upgrade) checkRoom(left []string) error {
	need := int64(0)
	for _, name := range left {
		need = max(need, folderBytes(filepath.Join(streamsDir(u.cfg.Dir), name)))
	}
	need += need/8 + upgradeSpare // names are longer now
	free, err := freeBytes(u.cfg.Dir)
	if err != nil {
		return fmt.Errorf("measure the disk: %w", err)
	}
	for _, name := range left { // of a copy that was begun, and is made again
		free += folderBytes(u.newDir(name))
	}
	if free < need {
		return fmt.Errorf("its records are copied once, for which the disk needs %s free, and %s are: make room, or move the folder; no record was touched",
			unit.Size(need), unit.Size(free))
	}
	return nil
}

// begin finds out whose the records are and notes it.
func (u *upgrade) begin(ctx context.Context, left []string) (err error) {
	u.state.Network = u.cfg.Network
	if slices.Contains(left, streamProof) {
		if u.state.Network, err = u.networkOfClaims(ctx); err != nil {
			return fmt.Errorf("find the network of its claims: %w", err)
		}
	}
	if err := u.save(); err != nil {
		return err
	}
	return u.step("begin")
}

// moveHeads gives the high-water marks to the network. A node that used a server elsewhere has no streams that they speak of.
func (u *upgrade) moveHeads() error {
	old := filepath.Join(u.cfg.Dir, "heads")
	err := error(nil)
	if u.cfg.URL != "" {
		err = os.Remove(old)
	} else if err = convertHeads(old); err == nil {
		err = os.Rename(old, headsPath(u.cfg.Dir, scopeOf(u.state.Network)))
	}
	if err == nil {
		err = syncDir(u.cfg.Dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move high-water marks: %w", err)
	}
	return u.step("heads")
}

func (u *upgrade) newDir(old string) string {
	return filepath.Join(streamsDir(u.cfg.Dir), scopeOf(u.state.Network).stream(old))
}

// copy makes a whole copy of an old stream, brings it to the disk and notes that.
func (u *upgrade) copy(ctx context.Context, name string) error {
	if err := os.RemoveAll(u.newDir(name)); err != nil { // begun, and not noted as done
		return err
	}
	err := u.withServer(ctx, func(c *copier) error { return c.copy(ctx, name) })
	if err != nil {
		return err
	}
	if err := u.step("copied " + name); err != nil {
		return err
	}
	if err := syncTree(streamsDir(u.cfg.Dir)); err != nil {
		return err
	}
	u.state.Copied = append(u.state.Copied, name)
	if err := u.save(); err != nil {
		return err
	}
	return u.step("noted " + name)
}

// remove removes an old stream whose copy is on the disk.
func (u *upgrade) remove(name string) error {
	if err := os.RemoveAll(filepath.Join(streamsDir(u.cfg.Dir), name)); err != nil {
		return err
	}
	if err := syncDir(streamsDir(u.cfg.Dir)); err != nil {
		return err
	}
	return u.step("removed " + name)
}

// load reads how far an upgrade is that was begun.
func (u *upgrade) load() (begun bool, err error) {
	text, err := os.ReadFile(filepath.Join(u.cfg.Dir, upgradeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &u.state)
	}
	if err != nil {
		return false, fmt.Errorf("read how far the upgrade of the folder is: %w; restore %s from a copy of the folder", err, upgradeFile)
	}
	return true, nil
}

func (u *upgrade) save() error {
	text, err := json.Marshal(u.state)
	if err != nil {
		return fmt.Errorf("note how far the upgrade is: %w", err)
	}
	if err := durable.Write(filepath.Join(u.cfg.Dir, upgradeFile), text, 0o600); err != nil {
		return fmt.Errorf("note how far the upgrade is: %w", err)
	}
	return nil
}

func writeFormat(dir string) error {
	if err := durable.Write(filepath.Join(dir, "format"), []byte(strconv.Itoa(formatVersion)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write format version: %w", err)
	}
	return nil
}

func removeDurably(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir brings the names in a folder to the disk.
func syncDir(dir string) error { return syncPath(dir) }

// syncTree brings everything below a folder to the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
