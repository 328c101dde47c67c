package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/nats-io/nats.go/jetstream"
)

// streamsDir is where the embedded server keeps its streams, each in a folder of its name.
func streamsDir(dir string) string { return filepath.Join(dir, "jetstream", "$G", "streams") }

// under returns what is below a folder by a pattern that is sound. The path of the folder is none: it may hold what has a meaning there.
func under(dir, pattern string) []string {
	list, _ := fs.Glob(os.DirFS(dir), pattern)
	for i, name := range list {
		list[i] = filepath.Join(dir, filepath.FromSlash(name))
	}
	return list
}

// storeLimit returns how many bytes the embedded server may promise to streams: to this journal's and what goes with
// them; to those that are in its folder already, of networks that the node spoke for before, or of other processes;
// and, if other processes can come, to theirs, while three quarters of what is free last.
//
// The server starts with what the streams were promised before, and refuses any change of any stream while that is more than it may promise.
// So a stream of this journal counts with what it has or what it gets, whichever is more: else limits could not be lowered.
func storeLimit(cfg Config) int64 {
	net := scopeOf(cfg.Network)
	ours := map[string]int64{
		net.stream(streamRaw):              int64(cfg.Raw.Bytes),
		net.stream(streamProof):            mostWide * int64(cfg.Proof.Bytes),
		"OBJ_" + net.stream(bucketModules): int64(maxModuleBytes),
	}
	limit := int64(spareStore)
	entries, _ := os.ReadDir(streamsDir(cfg.Dir)) // none before the first start
	for _, e := range entries {
		limit += max(promised(filepath.Join(streamsDir(cfg.Dir), e.Name())), ours[e.Name()])
		delete(ours, e.Name())
	}
	for _, bytes := range ours {
		limit += bytes
	}
	if free, err := freeBytes(cfg.Dir); err == nil && cfg.Listen != "" {
		limit += free / 4 * 3
	}
	return limit
}

// promised returns the limit of a stream that is not open, by its settings; without them, what it takes.
func promised(stream string) int64 {
	var settings struct {
		Bytes int64 `json:"max_bytes"`
	}
	text, err := os.ReadFile(filepath.Join(stream, "meta.inf"))
	if err == nil && json.Unmarshal(text, &settings) == nil && settings.Bytes > 0 {
		return settings.Bytes
	}
	return folderBytes(stream)
}

// folderBytes returns what the files below a folder take.
func folderBytes(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile
		}
		if info, err := e.Info(); err == nil && !e.IsDir() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// roomFor says of a server's answer that it has no room for a stream of so many bytes what can be done; other answers stay as they are.
func (j *Journal) roomFor(stream string, bytes int64, err error) error {
	var refusal *jetstream.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode != codeNoStorage && refusal.ErrorCode != codeNoResources {
		return err
	}
	if j.local == nil {
		return fmt.Errorf("%s has no room for a stream of %s: raise max_file there, or lower the stream's bytes here: %w", j.bus.Where(), unit.Size(bytes), err)
	}
	return fmt.Errorf("the store in %s may promise %s by its limits and what is free, and has no room for stream %s of %s: raise journal.raw.bytes (%s) or journal.proof.bytes (%s), "+
		"if they were larger before to what they were, or free some of the disk: %w",
		j.cfg.Dir, unit.Size(storeLimit(j.cfg)), stream, unit.Size(bytes), j.cfg.Raw.Bytes, j.cfg.Proof.Bytes, err)
}
