package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

type backupCommand struct {
	File   string `arg:"" help:"The archive to write, which must not be there yet; - is standard output."`
	Config string `short:"c" help:"The configuration that the node runs by, which says where its data is." placeholder:"FILE"`
	Data   string `help:"The data folder, where no configuration says it." placeholder:"FOLDER"`
}

// Help is what --help says beside the flags.
func (backupCommand) Help() string {
	return "The node may run, and goes on: it is asked at most in which folder it runs. All that it acknowledged before is in the archive, and so are its keys: keep it as you keep those. " +
		"The configuration and what it names elsewhere are not."
}

// Run writes an archive of a data folder.
func (c backupCommand) Run(ctx context.Context, term terminal) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	data, begins, err := c.folder(ctx, term)
	if err != nil {
		return err
	}
	if c.File == "-" {
		b, err := node.WriteBackup(ctx, data, release, term.out)
		if err != nil {
			return fmt.Errorf("back up %s: %w%s", data, err, begins)
		}
		term.out = term.err
		return c.tell(term, b)
	}
	if _, err := os.Lstat(c.File); err == nil {
		return overwriting(c.File, "")
	}
	if isWithin(c.File, data) {
		return failure{exitUsage, fmt.Errorf("%s would stand in %s itself, and so in every later backup; name a file elsewhere", c.File, data)}
	}
	var b node.Backup
	err = durable.CreateBy(c.File, func(w io.Writer) (err error) {
		b, err = node.WriteBackup(ctx, data, release, w)
		return err
	}, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return overwriting(c.File, "")
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w; there is no %s%s", data, err, c.File, begins)
	}
	return c.tell(term, b)
}

// folder returns the data folder, and where its path begins if the configuration says it from there.
func (c backupCommand) folder(ctx context.Context, term terminal) (data, begins string, err error) {
	if c.Data != "" && c.Config != "" {
		return "", "", failure{exitUsage, errors.New("name the data folder once: with --data or with --config")}
	}
	if c.Data != "" {
		return c.Data, "", nil
	}
	path := c.Config
	if path == "" && isFile(serviceConfig) {
		path = serviceConfig
	}
	if path == "" {
		return "", "", failure{exitUsage, errors.New("say what to back up: --config FILE, or --data FOLDER")}
	}
	s, _ := nodeFlags{Config: path}.scene(ctx, term.in, serviceUnit) // where it listens is nothing to a backup
	if err := s.misunderstood(); err != nil {
		return "", "", mistakes(term, err)
	}
	if data = s.loaded.Node.Data; !filepath.IsAbs(data) {
		begins = "; " + s.begins(ctx) + " (--data FOLDER names the folder itself)"
	}
	return s.there(ctx, data), begins, nil
}

// isWithin reports whether a file that is to be made would stand in a folder or below it.
func isWithin(file, folder string) bool {
	for dir, err := filepath.Abs(filepath.Dir(file)); err == nil; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if isSame(dir, folder) {
			return true
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return false
}

func (c backupCommand) tell(term terminal, b node.Backup) error {
	for _, odd := range b.Odd {
		term.complain(errors.New("damaged in the folder, and so in the backup: " + odd))
	}
	lines := []string{
		fmt.Sprintf("%s of %s, as they were at %s or later", count(len(b.Files), "file"), b.Source, b.Began.Format(time.RFC3339)),
		fmt.Sprintf("%s, with the node's keys: whoever has it can sign as this node", unit.About(b.Bytes())),
	}
	if c.File != "-" {
		lines = append(lines, "dodona restore "+plain.ShellWord(printable(c.File))+" FOLDER makes a data folder of it")
	}
	for _, line := range lines {
		if err := term.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

type restoreCommand struct {
	File   string `arg:"" help:"The archive that dodona backup wrote; - is standard input."`
	Folder string `arg:"" help:"The data folder to make: a new or an empty one."`
}

// Help is what --help says beside the flags.
func (restoreCommand) Help() string {
	return "The node that the backup is of must not run any more, anywhere, when a node starts in the folder: two with one key sign against each other."
}

// open opens the archive. What comes from standard input is looked through before anything is made of it, so it is kept beside the folder until then.
func (c restoreCommand) open(stdin io.Reader) (*os.File, error) {
	if c.File != "-" {
		archive, err := os.Open(c.File)
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		return archive, nil
	}
	came := bufio.NewReader(stdin)
	if begins, _ := came.Peek(longestMagic); compressedBy(begins) != "" {
		return nil, failure{exitUsage, fmt.Errorf("restore -: what came is compressed: let it go through %s -c before", compressedBy(begins))}
	}
	kept, err := node.TakeBackup(filepath.Dir(filepath.Clean(c.Folder)), came)
	if err != nil {
		return nil, fmt.Errorf("restore -: %w; nothing was restored", err)
	}
	return kept, nil
}

// compressions are how files begin that a program has to unpack first.
var compressions = []struct{ begins, program string }{{"\x1f\x8b", "gunzip"}, {"\x28\xb5\x2f\xfd", "unzstd"}, {"\xfd7zXZ\x00", "unxz"}, {"BZh", "bunzip2"}}

// longestMagic is of how many first bytes compressedBy is asked.
const longestMagic = 8

// compressedBy returns the program that unpacks what begins so, if it is packed.
func compressedBy(begins []byte) string {
	for _, c := range compressions {
		if bytes.HasPrefix(begins, []byte(c.begins)) {
			return c.program
		}
	}
	return ""
}

// Run makes a data folder of an archive.
func (c restoreCommand) Run(ctx context.Context, term terminal) error {
	archive, err := c.open(term.in) // before signals are heard, so that one ends the wait for what comes
	if err != nil {
		return err
	}
	defer archive.Close()
	ctx, stop := interruptible(ctx)
	defer stop()
	begins := make([]byte, longestMagic)
	n, _ := archive.ReadAt(begins, 0)
	if by := compressedBy(begins[:n]); by != "" {
		return failure{exitUsage, fmt.Errorf("restore %s: it is compressed: %s -c %s | dodona restore - %s", c.File, by, inWords(c.File), inWords(c.Folder))}
	}
	b, err := node.Restore(ctx, archive, c.Folder)
	if err != nil {
		return fmt.Errorf("restore %s: %w; nothing was restored", c.File, err)
	}
	if pid := holderOf(b.Source); pid > 0 {
		term.complain(fmt.Errorf("warning: process %d still runs in %s, which this is a backup of: stop it before a node starts in %s", pid, b.Source, c.Folder))
	}
	for _, line := range []string{
		fmt.Sprintf("restored %s to %s: as it was at %s, by dodona %s (this is %s)", count(len(b.Files), "file"), c.Folder, b.Began.Format(time.RFC3339), b.Dodona, release),
		"what the node did since then is not in it; it signs no round that begins within four seconds of its first start, or before, nor at the two next if they come within ten minutes",
		"start it only once the node that the backup is of is off for good",
	} {
		if err := term.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}
