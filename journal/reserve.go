package journal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
)

// streamsDir is where the embedded server keeps its streams, each in a folder of its name.
func streamsDir(dir string) string { return filepath.Join(dir, "jetstream", "$G", "streams") }

// storeLimit returns how many bytes the embedded server may promise to streams: to this journal's and what goes with
// them; to those that are in its folder already, of networks that the node spoke for before, or of other processes;
// and, if other processes can come, to theirs, while three quarters of what is free last.
func storeLimit(cfg Config) int64 {
	limit := int64(cfg.Raw.Bytes) + mostWide*int64(cfg.Proof.Bytes) + spareStore
	net := scopeOf(cfg.Network)
	ours := []string{net.stream(streamRaw), net.stream(streamProof), "OBJ_" + net.stream(bucketModules)}
	entries, _ := os.ReadDir(streamsDir(cfg.Dir)) // none before the first start
	for _, e := range entries {
		if !slices.Contains(ours, e.Name()) {
			limit += promised(filepath.Join(streamsDir(cfg.Dir), e.Name()))
		}
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
