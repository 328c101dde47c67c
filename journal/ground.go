package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/journal/disk"
	"github.com/nats-io/nats.go/jetstream"
)

// This file makes the ground firm before the embedded server steps on it: whatever it trusts on the disk is checked,
// and what is damaged is mended or set aside, before each of its starts.

// checkGround checks the data folder and tells what it finds. It needs no server, and must not run beside one.
func (j *Journal) checkGround() error {
	if j.cfg.unchecked {
		return nil
	}
	// A claim that the server cannot read is none to it, so what rests on claims is read whole.
	whole := func(stream string) bool { return strings.HasPrefix(stream, streamProof) }
	found, err := disk.Check(j.cfg.Dir, disk.Options{Meta: j.settingsOf, Whole: whole, Lossy: j.holed, Now: j.cfg.Now})
	j.noteDamage(found)
	if err != nil {
		return err
	}
	return j.dropIndexes()
}

// maxDamage bounds what Status tells of damaged files.
const maxDamage = 32

// noteDamage tells what is damaged, in the log and in Status.
func (j *Journal) noteDamage(found []disk.Finding) {
	for _, f := range found {
		j.cfg.Log.Error("journal: a file is damaged", "file", f.File, "what", f.What, "kept", f.Aside)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.damage = append(j.damage, found...)
	j.damage = j.damage[max(0, len(j.damage)-maxDamage):]
}

// setAside keeps a damaged file of ours aside and tells. The file itself stays.
func (j *Journal) setAside(path, what string) error {
	f, err := disk.Aside(j.cfg.Dir, path, what, j.cfg.Now())
	if err != nil {
		return fmt.Errorf("set a damaged file aside: %w", err)
	}
	j.noteDamage([]disk.Finding{f})
	return nil
}

// openHeads opens the high-water marks of the network. That they are gone is told only where they should be there.
func (j *Journal) openHeads() (err error) {
	path := headsPath(j.cfg.Dir, j.net)
	_, missing := os.Lstat(path)
	gone := errors.Is(missing, os.ErrNotExist)
	j.used = !gone
	for _, s := range streams {
		if _, err := os.Stat(filepath.Join(streamsDir(j.cfg.Dir), j.net.stream(s.name))); err == nil {
			j.used = true
		}
	}
	used := j.used
	if gone && !j.used { // what was restored was made by a node that may have gone on to this network, and signed in it
		if err := j.openRestored(); err != nil {
			return err
		}
	}
	doubt := func() error { return j.holed(j.net.stream(streamProof)) } // before the marks are made anew: a start that ends then leaves good ones
	if gone && used {
		if err := doubt(); err != nil {
			return err
		}
	}
	j.heads, err = openHeads(path, func(what string) error { return errors.Join(doubt(), j.setAside(path, what)) })
	if err != nil {
		return err
	}
	j.writer = j.heads.writer
	if gone && used {
		j.noteDamage([]disk.Finding{{
			At: j.cfg.Now().UTC().Truncate(time.Millisecond), File: filepath.Base(path), What: "high-water marks missing; " + newChain,
		}})
	}
	return nil
}

// settingsOf returns the settings of a stream as the server keeps them, nil if nobody here knows them.
func (j *Journal) settingsOf(stream string) []byte {
	for _, s := range streams {
		cfg := s.config(j.cfg)
		switch stream {
		case cfg.Name:
			cfg.Metadata[ownerKey] = j.writer
		case s.name: // waits to be copied
			cfg.Name, cfg.Metadata = s.name, nil
			for i, topic := range s.topics {
				cfg.Subjects[i] = bus.Root + string(topic) + ".>"
			}
		default:
			continue
		}
		return settingsText(j.cfg.Now(), cfg)
	}
	if end := j.endOf(stream); end.Settings.Name == stream { // of another network
		return settingsText(end.Created, end.Settings)
	}
	return nil
}

func settingsText(created time.Time, cfg jetstream.StreamConfig) []byte {
	text, err := json.Marshal(struct {
		Created time.Time
		jetstream.StreamConfig
	}{created.UTC(), cfg})
	if err != nil {
		return nil
	}
	return text
}
