package config

import (
	"cmp"
	"errors"
	"io/fs"
	"reflect"
	"strings"

	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Written returns what the file calls a setting of the long form, at the beginning of a message or alone: "signature_key" for "node.key" in the
// two-line form.
func (c *Config) Written(setting string) string {
	const key = "node.key"
	if rest, is := strings.CutPrefix(setting, key); is && c.TwoLine && (rest == "" || rest[0] == '.' || rest[0] == ':') {
		return twoLineKey + rest
	}
	return setting
}

// lookAt reports what a start would refuse of a key, and warns of what is not there.
func (l *loader) lookAt(who subject, name string, k keyfile.Key) {
	if !l.here || k.IsZero() || k.Check(name, "") != nil {
		return
	}
	err := k.Look(name)
	if err == nil && l.open != nil && !k.Password.IsZero() && !k.ReadOnce() {
		err = l.open(name, k)
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrPermission):
	case errors.Is(err, fs.ErrNotExist):
		m := mistakeOf(err)
		setting, _, _ := strings.Cut(m.Message, ":")
		_, at := who.node.Descend(who.at, setting)
		if l.report.Warned(at) { // of the path: no file of that name is to be made
			m.Hint = ""
		}
		if who.where == "" {
			m.Hint = strings.TrimSuffix(noStart+"; "+m.Hint, "; ")
		}
		in, found := l.seek(keyfile.Absent(err))
		m.Message, m.Hint = m.Message+in, cmp.Or(found, m.Hint) // a new key would be another identity
		l.report.Warn(at, who.where, l.config.Written(m.Message), m.Hint)
	case who.where == "" || errors.Is(err, secret.ErrMode) || errors.Is(err, keyfile.ErrNoPassword) || k.Password.Inline() && strings.HasPrefix(err.Error(), name+".password:"):
		l.tell(who, err)
	default: // as of every secret, a file that a power cut left empty must cost its unit and not the node
		m := mistakeOf(err)
		setting, _, _ := strings.Cut(m.Message, ":")
		_, at := who.node.Descend(who.at, setting)
		l.report.Warn(at, who.where, l.config.Written(m.Message), "what needs it fails until it is mended")
	}
}

// lookAtKeys looks at the keys among settings of a kind.
func (l *loader) lookAtKeys(who subject, settings any) {
	v := reflect.ValueOf(settings).Elem()
	for _, f := range strict.Fields(v.Type()) {
		if f.Type == keyType {
			l.lookAt(who, f.Name, v.FieldByIndex(f.Index).Interface().(keyfile.Key))
		}
	}
}
