package source

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/dodona-oracle/dodona"
)

// A Found is what a scan found on a device.
type Found struct {
	Name string // what the device calls it, from which a name of a point is made
	// Point has the settings that read it, as the kind has them for one point; or is the settings of a whole source that does.
	Point any
	Note  string // for people: what it is, and what stands there now
	Idle  bool   // it is no number as it stands: it is shown, and left out until somebody says how it is read
}

// A Range bounds a scan.
type Range struct {
	Of   string // where to look, as the kind has places: a table of registers, an OID, a path of nodes; empty: everywhere that is usual
	From uint64 // the first address, of kinds with addresses
	To   uint64 // the last one; 0: as far as is usual
	Most int    // so many are found at most
}

// Scanning returns k as a kind that can look what a device has: by its settings, without the points in them. The setting called key has
// points in the kind's settings; empty: what is found are settings of sources. Scan reads, changes nothing at the device, goes gently, and
// ends with found's error. More says that there is more than Range let it find.
func Scanning[S any](k Kind, key string, scan func(ctx context.Context, s S, within Range, env Env, found func(Found) error) (more bool, err error)) Kind {
	k.scanning = &scanning{key, func(ctx context.Context, settings any, within Range, env Env, found func(Found) error) (bool, error) {
		switch s := settings.(type) {
		case S:
			return scan(ctx, s, within, env, found)
		case *S:
			return scan(ctx, *s, within, env, found)
		}
		return false, dodona.Permanent(fmt.Errorf("scan by kind %s: settings are a %s, want %T", k.Name(), reflect.TypeOf(settings), *new(S)))
	}}
	return k
}

type scanning struct {
	key  string
	scan func(ctx context.Context, settings any, within Range, env Env, found func(Found) error) (bool, error)
}

// Scans reports whether k can look what a device has, and under which setting points stand: see [Scanning].
func (k Kind) Scans() (key string, can bool) {
	if k.scanning == nil {
		return "", false
	}
	return k.scanning.key, true
}

// Scan looks what a device has: see [Scanning].
func (k Kind) Scan(ctx context.Context, settings any, within Range, env Env, found func(Found) error) (more bool, err error) {
	if k.scanning == nil {
		return false, dodona.Permanent(fmt.Errorf("kind %s cannot look what a device has", k.Name()))
	}
	return k.scanning.scan(ctx, settings, within, env.filled(), found)
}

// NameFor returns a name of a point that is like what a device calls it: in small letters, digits and hyphens. It is empty if there is nothing to
// make one of.
func NameFor(text string) string {
	var b strings.Builder
	var before rune
	for _, r := range text {
		switch {
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte('-') // BoilerTemperature
		case r != before && !isNamed(r) && b.Len() > 0:
			b.WriteByte('-')
		}
		before = r
		if r = unicode.ToLower(r); isNamed(r) {
			b.WriteRune(r)
		}
	}
	name := strings.Trim(b.String(), "-")
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	const most = 63
	if len(name) > most {
		name = strings.Trim(name[len(name)-most:], "-") // what tells it from others mostly stands at its end
	}
	return name
}

func isNamed(r rune) bool {
	r = unicode.ToLower(r)
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}
