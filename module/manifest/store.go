package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
)

// MaxWasm is the largest module that is read: twice what a guest in standard Go with encoding/json takes.
const MaxWasm = 8 << 20

// A Store is a folder of modules: for each release NAME-VERSION.wasm and, beside it, its envelope NAME-VERSION.json.
type Store struct {
	Dir       string
	Trust     *Trust           // who vouches for modules; nil: nobody does
	Unsigned  bool             // modules without an envelope are found too, and without Trust nothing is verified
	Sequences string           // the file that remembers the newest releases; "": roll-backs are not noticed
	Now       func() time.Time // nil: [time.Now]
}

// A Found is a module as it was verified.
type Found struct {
	Wasm     []byte   // the very bytes that were verified
	Manifest Manifest // of Format 0 if an unsigned module has none: it asks for nothing, and only Name, Version and Module are set
	Signed   bool     // by enough keys of the trust file
	File     string   // where the Wasm is
}

// Find reads a release and verifies, in this order: size, signatures, form and validity of the manifest, name and
// version, digest, and that no newer release was found before, by this or another process. Only when all else is right
// is the release remembered, on disk. The Wasm is not parsed. An error is a [*Refusal] for what must not run, and
// [fs.ErrNotExist] if there is no such module.
func (s Store) Find(name, version string) (Found, error) {
	found, err := s.find(name, version)
	if err != nil {
		return Found{}, fmt.Errorf("module %s %s: %w", quotedLabel(name), quotedLabel(version), err)
	}
	return found, nil
}

func quotedLabel(s string) string {
	q := quote(s)
	if q == `"`+s+`"` {
		return s
	}
	return q
}

func (s Store) find(name, version string) (Found, error) {
	if err := CheckNames(name, version); err != nil {
		return Found{}, err
	}
	dir, err := os.OpenRoot(s.Dir)
	if err != nil {
		return Found{}, fmt.Errorf("open the folder of modules: %w", err)
	}
	defer dir.Close()
	base := name + "-" + version
	if _, err := dir.Lstat(base + ".wasm"); err != nil {
		return Found{}, fmt.Errorf("look into %s: %w", s.Dir, err)
	}
	m, signed, err := s.manifest(dir, base+".json")
	if err != nil {
		return Found{}, err
	}
	if m.Format != 0 && (m.Name != name || m.Version != version) {
		return Found{}, refuse(Mismatch, "name the files after what they hold", "%s.json is the manifest of %s", base, m.label())
	}
	wasm, err := readWhole(dir, base+".wasm", MaxWasm)
	if err != nil {
		return Found{}, err
	}
	digest := dodona.Digest(sha256.Sum256(wasm))
	if m.Format == 0 {
		m = Manifest{Name: name, Version: version, Module: digest}
	}
	if digest != m.Module {
		return Found{}, otherBytes(base+".wasm", digest, m)
	}
	if signed && s.Sequences != "" {
		if err := raise(s.Sequences, m); err != nil {
			return Found{}, err
		}
	}
	return Found{Wasm: wasm, Manifest: m, Signed: signed, File: filepath.Join(s.Dir, base+".wasm")}, nil
}

// Read reads the file of a release again, which must hold what was found. The errors are those of [Store.Find].
func (f Found) Read() ([]byte, error) {
	dir, err := os.OpenRoot(filepath.Dir(f.File))
	if err != nil {
		return nil, fmt.Errorf("open the folder of modules: %w", err)
	}
	defer dir.Close()
	base := filepath.Base(f.File)
	wasm, err := readWhole(dir, base, MaxWasm)
	if err != nil {
		return nil, fmt.Errorf("read %s again: %w", f.File, err)
	}
	if digest := dodona.Digest(sha256.Sum256(wasm)); digest != f.Manifest.Module {
		return nil, refuse(Tampered, "reload if it is meant to be this one", "%s has the SHA-256 %s, and was found with %s", base, digest.Short(), f.Manifest.Module.Short())
	}
	return wasm, nil
}

func otherBytes(file string, digest dodona.Digest, m Manifest) error {
	return refuse(Tampered, "get the file again from who signed it", "%s has the SHA-256 %s, the manifest is for %s", file, digest.Short(), m.Module.Short())
}

// manifest reads an envelope, and verifies it if there is somebody to trust. The zero Manifest means that there is none.
func (s Store) manifest(dir *os.Root, file string) (m Manifest, signed bool, err error) {
	raw, err := readWhole(dir, file, MaxEnvelope)
	if errors.Is(err, fs.ErrNotExist) {
		if s.Unsigned {
			return Manifest{}, false, nil
		}
		return Manifest{}, false, refuse(Unsigned, "sign it with dodona module sign, or allow unsigned modules", "there is no %s beside it", file)
	}
	if err != nil {
		return Manifest{}, false, err
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	if s.Trust != nil {
		m, err = Open(raw, *s.Trust, now())
		return m, err == nil, err
	}
	if !s.Unsigned {
		return Manifest{}, false, refuse(Unsigned, "name a trust file, which dodona module trust new makes, or allow unsigned modules", "no trust file says whose signatures count")
	}
	m, err = Unverified(raw)
	if err != nil {
		return Manifest{}, false, err
	}
	return m, false, m.Check(now())
}

// Unverified returns the manifest in an envelope without looking at signatures or at what it says: for showing it.
func Unverified(envelope []byte) (Manifest, error) {
	e, err := ParseEnvelope(envelope)
	if err != nil {
		return Manifest{}, err
	}
	if err := e.is(ModuleType, "the manifest of a module"); err != nil {
		return Manifest{}, err
	}
	return Parse(e.Payload)
}

// VerifyBytes returns the manifest in an envelope if t vouches for it at now and it is for these bytes of Wasm. Any
// error is a [*Refusal].
func (t Trust) VerifyBytes(wasm, envelope []byte, now time.Time) (Manifest, error) {
	m, err := Open(envelope, t, now)
	if err != nil {
		return Manifest{}, err
	}
	if digest := dodona.Digest(sha256.Sum256(wasm)); digest != m.Module {
		return Manifest{}, otherBytes("the Wasm", digest, m)
	}
	return m, nil
}

// readWhole returns a regular file in dir that is no link, once, if it is no larger than most.
func readWhole(dir *os.Root, name string, most int64) ([]byte, error) {
	before, err := dir.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("look: %w", err)
	}
	if !before.Mode().IsRegular() {
		return nil, refuse(Malformed, "put the file itself there", "%s is not a regular file, but %s", name, before.Mode().Type())
	}
	// Without waiting for the other end, should it have become a pipe meanwhile.
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", name, err)
	}
	if !os.SameFile(before, info) || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s was replaced while it was opened: try again", name)
	}
	return readAtMost(f, name, most)
}

// readAtMost returns what f holds. More than most bytes are a [*Refusal]; name is for the message.
func readAtMost(f *os.File, name string, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", name, err)
	}
	tooLarge := refuse(TooLarge, "strip names and debug information, if it is a module", "%s has more than %d bytes", name, most)
	if info.Size() > most {
		return nil, tooLarge
	}
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(raw)) > most {
		return nil, tooLarge
	}
	return raw, nil
}
