package config

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"

	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Written returns what the file calls a setting of the long form: "signature_key" for "node.key" in the two-line form.
func (c *Config) Written(setting string) string {
	const key = "node.key"
	if rest, is := strings.CutPrefix(setting, key); is && c.TwoLine && (rest == "" || rest[0] == '.') {
		return twoLineKey + rest
	}
	return setting
}

// lookAt reports what a start would refuse of the file of a key, and warns if it is not there.
func (l *loader) lookAt(who subject, name string, k keyfile.Key) {
	if !l.here || k.Check(name, "") != nil {
		return
	}
	err := k.Look(name)
	switch path, setting := k.Path(name); {
	case errors.Is(err, fs.ErrPermission):
	case errors.Is(err, fs.ErrNotExist):
		_, at := who.node.Descend(who.at, setting)
		l.report.Warn(at, who.where, l.config.Written(setting)+": there is no file "+path, "`dodona key new "+path+"` makes a keystore, `dodona key new --raw "+path+"` a key without a password")
	default:
		l.tell(who, err)
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
