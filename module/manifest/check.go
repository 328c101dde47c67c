package manifest

import (
	"time"

	"golang.org/x/mod/semver"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// Format is the format of manifests, trust files and sequence files that this build reads and writes.
const Format = 1

// maxVersion is the most characters of a version: it is part of a file's name.
const maxVersion = 64

// Check returns nil if m can be signed and is valid at now: a known format and interface, a name, a version of
// Semantic Versioning 2.0.0, a sequence, a digest, limits and capabilities within bounds. Any error is a [*Refusal].
func (m Manifest) Check(now time.Time) error {
	if err := m.checkForm(); err != nil {
		return err
	}
	return checkValidity(m.label(), m.NotBefore, m.Expires, now)
}

// checkForm is what does not depend on the time.
func (m Manifest) checkForm() error {
	switch {
	case m.Format != Format:
		return refuse(Malformed, "use the version of dodona that signed it, or sign it again", "manifest format %d: this program knows %d", m.Format, Format)
	case m.ABI != ABI:
		return refuse(OtherABI, "build the module for "+ABI+" and sign it again", "it is built for the interface %s, this program speaks %s", quote(m.ABI), ABI)
	}
	if err := CheckNames(m.Name, m.Version); err != nil {
		return err
	}
	switch {
	case m.Sequence == 0:
		return refuse(Malformed, "number the releases of "+m.Name+" from 1", "sequence 0")
	case m.Module.IsZero():
		return refuse(Malformed, "sign the Wasm file with dodona module sign", "the manifest names no module digest")
	}
	if err := m.Limits.check(); err != nil {
		return err
	}
	return m.Capabilities.Check()
}

// label names m in messages.
func (m Manifest) label() string { return m.Name + " " + m.Version }

// CheckNames returns an error, a [*Refusal], unless name and version can name a module, and so its files.
func CheckNames(name, version string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return CheckVersion(name, version)
}

// CheckName returns an error, a [*Refusal], unless name can name a module: it is one token as in feeds' names.
func CheckName(name string) error {
	if err := dodona.CheckName(name, 1); err != nil {
		return refuse(Malformed, "", "module %v", err)
	}
	return nil
}

// CheckVersion returns an error, a [*Refusal], unless version is one of Semantic Versioning 2.0.0 with 64 characters at most.
func CheckVersion(name, version string) error {
	// semver wants a v, and takes v1 and v1.2 for v1.0.0 and v1.2.0, which are not Semantic Versioning.
	v := "v" + version
	if len(version) > maxVersion || !semver.IsValid(v) || semver.Canonical(v)+semver.Build(v) != v {
		return refuse(Malformed, "write three numbers, such as 1.0.0 or 2.1.0-rc.1 (semver.org)", "version %s of module %s", quote(version), name)
	}
	return nil
}

func checkValidity(what string, notBefore, expires, now time.Time) error {
	if err := checkOrder(what, notBefore, expires); err != nil {
		return err
	}
	switch {
	case now.Before(notBefore):
		return refuse(NotYet, "wait, or set this machine's clock, which reads "+stamp(now), "%s is valid from %s", what, stamp(notBefore))
	case !expires.IsZero() && !now.Before(expires):
		return refuse(Expired, "get it signed anew, or set this machine's clock, which reads "+stamp(now), "%s was valid until %s", what, stamp(expires))
	}
	return nil
}

func checkOrder(what string, notBefore, expires time.Time) error {
	if !expires.IsZero() && !notBefore.Before(expires) {
		return refuse(Malformed, "let it expire later", "%s expires at %s, before it begins to be valid", what, stamp(expires))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// WithDefaults returns l with the defaults in place of zeros.
func (l Limits) WithDefaults() Limits {
	fill := func(field *uint32, value uint32) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&l.Pages, DefaultPages)
	fill(&l.Depth, DefaultDepth)
	fill(&l.LogBytes, DefaultLogBytes)
	if l.Fuel == 0 {
		l.Fuel = DefaultFuel
	}
	return l
}

func (l Limits) check() error {
	for _, c := range []struct {
		name       string
		asks, most uint64
	}{
		{"pages", uint64(l.Pages), MaxPages},
		{"fuel", l.Fuel, MaxFuel},
		{"depth", uint64(l.Depth), MaxDepth},
		{"logBytes", uint64(l.LogBytes), MaxLogBytes},
	} {
		if c.asks > c.most {
			return refuse(Beyond, "make the module need less", "it needs %d of limits.%s, at most %d are given", c.asks, c.name, c.most)
		}
	}
	return nil
}

// quote writes untrusted text into a message: quoted, and not at length.
func quote(s string) string { return plain.Quote(s, 64) }
