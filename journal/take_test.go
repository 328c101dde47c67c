package journal

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// endless repeats a text for ever, and counts what is taken of it.
type endless struct {
	text  []byte
	taken int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], e.text[(e.taken+n)%len(e.text):])
	}
	e.taken += n
	return n, nil
}

// member returns the bytes of a member of an archive, without an end.
func member(t testing.TB, head tar.Header, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	head.Size, head.Mode = int64(len(text)), 0o600
	err := out.WriteHeader(&head)
	if err == nil {
		_, err = out.Write(text)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAStreamThatIsNoBackupIsRefusedAsItComes: it may never end.
func TestAStreamThatIsNoBackupIsRefusedAsItComes(t *testing.T) {
	archive, _ := archived(t)
	random := make([]byte, 1<<16)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	huge := member(t, tar.Header{Name: "data/a", Typeflag: tar.TypeReg}, nil)
	copy(huge[124:136], "77777777777\x00") // 8 GiB
	sum := 8 * int(' ')
	for i, c := range huge[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(huge[148:156], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	const most = 1 << 20
	for name, c := range map[string]struct {
		first, then []byte
		says        string
	}{
		"zeros":              {nil, make([]byte, 512), "ends after 1024 bytes"},
		"noise":              {nil, random, "what stands at byte 512 is no part of one"},
		"text":               {nil, []byte("a log line\n"), "what stands at byte 512 is no part of one"},
		"another archive":    {member(t, tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg}, nil), random, `"etc/passwd" does not belong`},
		"a link":             {member(t, tar.Header{Name: "data/a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil), random, "does not belong"},
		"a way out":          {member(t, tar.Header{Name: "data/../a", Typeflag: tar.TypeReg}, nil), random, "does not belong"},
		"a huge member":      {huge, random, "does not belong"},
		"members for ever":   {nil, member(t, tar.Header{Name: "data/a", Typeflag: tar.TypeReg}, make([]byte, 4096)), "half of what is free"},
		"headers for ever":   {nil, member(t, tar.Header{Name: "data/" + strings.Repeat("a/", 200) + "a", Typeflag: tar.TypeReg}, nil)[:1024], "half of what is free"},
		"a backup, and more": {archive, random, "something comes after its end"},
		"two backups":        {archive, archive, "something comes after its end"},
	} {
		t.Run(name, func(t *testing.T) {
			then := &endless{text: c.then}
			var kept bytes.Buffer
			err := takeBackup(&kept, io.MultiReader(bytes.NewReader(c.first), then), most+int64(len(archive)))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if limit := most + len(archive); kept.Len() > limit || then.taken > limit {
				t.Errorf("%d bytes were kept, %d taken, want at most %d", kept.Len(), then.taken, limit)
			}
		})
	}
}

// TestAStreamIsKeptAsItIs, and one that was cut or changed is found out.
func TestAStreamIsKeptAsItIs(t *testing.T) {
	archive, _ := archived(t)
	dir := t.TempDir()
	f, err := TakeBackup(dir, bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30)); err != nil || !bytes.Equal(got, archive) {
		t.Errorf("%d bytes are kept of %d, %v", len(got), len(archive), err)
	}
	for at := 0; at < len(archive); at += 1 + len(archive)/197 {
		flipped := bytes.Clone(archive)
		flipped[at] ^= 1 << (at % 8)
		for name, bad := range map[string][]byte{"flipped": flipped, "cut": archive[:at]} {
			kept, err := TakeBackup(dir, bytes.NewReader(bad))
			if err == nil { // its sum is for ReadBackup
				_, err = ReadBackup(t.Context(), kept)
				_ = kept.Close()
			}
			if !errors.Is(err, ErrBackup) {
				t.Errorf("%s at %d of %d: %v", name, at, len(archive), err)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestAForgedBackupWritesNothingBesideItsFolder: its sums fit, for anybody can make them.
func TestAForgedBackupWritesNothingBesideItsFolder(t *testing.T) {
	text := []byte("not to be")
	digest := sha256.Sum256(text)
	for _, name := range []string{"../out", "a/../../out", "/out"} {
		list, err := json.Marshal(Backup{Format: backupFormat, Files: []BackupFile{{name, int64(len(text)), hex.EncodeToString(digest[:])}}})
		if err != nil {
			t.Fatal(err)
		}
		body := append(member(t, tar.Header{Name: backupData + name, Typeflag: tar.TypeReg}, text), member(t, tar.Header{Name: backupList, Typeflag: tar.TypeReg}, list)...)
		sum := sha256.Sum256(body)
		dir, err := restored(t, append(body, backupEnd(sum[:])...))
		if err == nil {
			t.Errorf("%s: it was restored", name)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "out")); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}
