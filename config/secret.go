package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// A secretJudge is settings that know what their secrets must be. CheckSecret says what is wrong with the text of one, which setting names as in
// "headers.Cookie" or "tokens[1]", or nil. The error begins with what is wrong; it never repeats the text.
type secretJudge interface {
	CheckSecret(setting, text string) error
}

var secretStringType = reflect.TypeFor[secret.String]()

// lookAtSecrets reports what would be refused of the secrets among settings once they are needed: of those that stand in clear, and, here, of
// those whose file or variable is there, which of a source or a sink is a warning: it fails alone, until they are mended. It warns of a file
// that others may touch.
func (l *loader) lookAtSecrets(who subject, settings reflect.Value) {
	judge, _ := settings.Addr().Interface().(secretJudge)
	eachSecret(settings, "", func(setting string, s secret.String) {
		if s.Inline() || l.here {
			l.lookAtSecret(who, setting, s, judge)
		}
	})
}

func (l *loader) lookAtSecret(who subject, setting string, s secret.String, judge secretJudge) {
	if isReadOnce(s.File) {
		return
	}
	text, err := s.Reveal()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, secret.ErrUnset):
		way, what := absence(s)
		_, at := who.node.Descend(who.at, setting+"."+way)
		hint := "what needs it fails until it is there"
		if who.where == "" {
			hint = noStart
		}
		in, found := l.seek(s.File)
		l.report.Warn(at, who.where, who.prefix+setting+": "+what+in, cmp.Or(found, hint))
		return
	case err == nil && judge != nil:
		err = judge.CheckSecret(setting, text)
	}
	if err != nil && (s.Inline() || who.where == "") {
		l.tell(who, fmt.Errorf("%s: %w", setting, err))
		return
	}
	if err != nil { // a power cut, or who writes it just now, must cost its unit and not the node
		way := "file"
		if s.File == "" {
			way = "env"
		}
		_, at := who.node.Descend(who.at, setting+"."+way)
		l.report.Warn(at, who.where, who.prefix+setting+": "+err.Error(), "what needs it fails until it is mended")
		return
	}
	if what, cure := s.Exposed(); what != "" && l.here {
		_, at := who.node.Descend(who.at, setting+".file")
		l.report.Warn(at, who.where, who.prefix+setting+": "+what, cure)
	}
}

const noStart = "a node does not start without it"

// absence says what of a secret is not there, and the setting that names it.
func absence(s secret.String) (way, what string) {
	if s.File != "" {
		return "file", "there is no file " + s.File
	}
	return "env", "environment variable " + s.Env + " is not set"
}

// isReadOnce reports whether a file is one whose content is gone once it is read, such as a pipe.
func isReadOnce(path string) bool {
	info, err := os.Stat(path)
	return path != "" && err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// eachSecret calls f for every secret among settings, but for those of keys, with the name of its setting.
func eachSecret(v reflect.Value, name string, f func(setting string, s secret.String)) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch {
	case v.Type() == secretStringType:
		if s := v.Interface().(secret.String); !s.IsZero() {
			f(name, s)
		}
	case v.Type() == reflect.TypeFor[keyfile.Key](): // which is looked at as a whole
	case v.Kind() == reflect.Struct && strict.ShapeOf(v.Type()) == strict.ShapeStruct:
		for _, field := range strict.Fields(v.Type()) {
			eachSecret(v.FieldByIndex(field.Index), strings.TrimPrefix(name+"."+field.Name, "."), f)
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			eachSecret(v.MapIndex(key), name+"."+key.String(), f)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			eachSecret(v.Index(i), fmt.Sprintf("%s[%d]", name, i), f)
		}
	}
}
