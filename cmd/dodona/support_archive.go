package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/redact"
)

// contents list what is in an archive for support, and what is not.
type contents struct {
	Made    time.Time `json:"made"`
	Dodona  string    `json:"dodona"` // the version that made it
	Members []member  `json:"members"`
	Caution []string  `json:"caution"` // what to look at before it is given away
}

// A member is one file of an archive for support.
type member struct {
	Name    string       `json:"name"`
	Is      string       `json:"is"`
	Bytes   int          `json:"bytes"`
	SHA256  string       `json:"sha256,omitempty"`
	Taken   redact.Taken `json:"takenOut,omitempty"` // how often which sort of secret was replaced by •••
	Cut     string       `json:"cut,omitempty"`      // which end of it is not there, because it is longer than a member may be
	Missing string       `json:"missing,omitempty"`  // why there is no such file

	content []byte
}

func (m member) taken() (n int) {
	for _, count := range m.Taken {
		n += count
	}
	return n
}

// Bounds of a member.
const (
	maxMember = 4 << 20       // bytes
	maxGiven  = 4 * maxMember // before secrets are taken out
	edgeGiven = 64 << 10      // of a text that was longer: half a secret may stand there
)

// manifestFile is the first file of an archive.
const manifestFile = "MANIFEST.json"

// pack makes the archive of the members, in the folder name.
func pack(name string, now time.Time, given gathered) ([]byte, contents, error) {
	list := contents{Made: now.Truncate(time.Second), Dodona: release, Members: given.members, Caution: given.caution}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return nil, list, err
	}
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	put := func(file string, content []byte) error {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: name + "/" + file, Mode: 0o600, Size: int64(len(content)), ModTime: list.Made, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(head); err != nil {
			return err
		}
		_, err := archive.Write(content)
		return err
	}
	if err := put(manifestFile, append(text, '\n')); err != nil {
		return nil, list, err
	}
	for _, m := range list.Members {
		if m.Missing != "" {
			continue
		}
		if err := put(m.Name, m.content); err != nil {
			return nil, list, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, list, err
	}
	err = zipped.Close()
	return out.Bytes(), list, err
}

// newMember takes the secrets out of what a part gave, and bounds it.
func newMember(p part, text []byte, secrets *redact.Redactor) member {
	m := member{Name: p.name, Is: p.is}
	text, m.Cut = within(text, maxGiven, p.kind == late, "")
	switch {
	case m.Cut != "" && p.kind == late:
		text = text[edgeGiven:]
	case m.Cut != "":
		text = text[:len(text)-edgeGiven]
	}
	if p.kind == ofCode {
		secrets = secrets.OfCode()
	}
	if strings.HasSuffix(p.name, ".json") || strings.HasSuffix(p.name, ".jsonl") {
		m.content, m.Taken = secrets.JSON(text)
	} else {
		var clean string
		clean, m.Taken = secrets.Text(string(text))
		m.content = []byte(clean)
	}
	m.content, m.Cut = within(m.content, maxMember, p.kind == late, m.Cut)
	sum := sha256.Sum256(m.content)
	m.Bytes, m.SHA256 = len(m.content), hex.EncodeToString(sum[:])
	return m
}

// within returns at most most bytes of a text, the last ones if they are late, and says which are gone.
func within(text []byte, most int, late bool, cut string) ([]byte, string) {
	switch {
	case len(text) <= most:
		return text, cut
	case late:
		return text[len(text)-most:], "its beginning"
	}
	return text[:most], "its end"
}
