package manifest

import (
	"os"
	"path/filepath"
	"strings"
)

// ReadFile reads a file. More than most bytes are a [*Refusal].
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, filepath.Base(path), most)
}

// EnvelopeOf returns where the envelope of a module's file is, beside it.
func EnvelopeOf(wasm string) string {
	return strings.TrimSuffix(wasm, filepath.Ext(wasm)) + ".json"
}
