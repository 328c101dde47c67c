package trial

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/program"
)

// A Kind is a kind of source as a file of tests needs it; source.Kind is one.
type Kind interface {
	program.Decoder
	Settings() any
	Check(settings any) error
	Rules(settings any) (map[string]json.RawMessage, error)
}

// decoding returns those of kinds that make points of their readings themselves: a file of tests has rules for the others.
func decoding[K Kind](kinds []K) (list []Kind) {
	for _, k := range kinds {
		if k.Decodes() {
			list = append(list, k)
		}
	}
	return list
}

// sources are the sources of a file of tests whose kinds make points themselves, each with its settings as in a configuration.
type sources struct {
	kinds   []Kind
	decoded map[string]program.Decoded
}

// ReadNode reads sources by name.
func (s *sources) ReadNode(d *strict.Decoder, n *strict.Node, key string) {
	if n.Kind == strict.Null {
		return
	}
	if n.Kind != strict.Mapping {
		d.Want(n, key, "a map of names")
		return
	}
	s.decoded = map[string]program.Decoded{}
	for _, e := range n.Entries {
		e.At.Show = strict.LooksLikeWord(e.Key)
		if err := dodona.CheckName(e.Key, 1); err != nil {
			d.Mistake(e.At, "%s: name %s: want 1 to 63 of a-z, 0-9 and hyphens, beginning with a letter or digit", key, strict.Quote(e.Key))
			continue
		}
		s.read(&strict.Decoder{Report: d.Report, Where: fmt.Sprintf("source %q", e.Key)}, e)
	}
}

// read reads one source: its kind, and the settings that say what its readings mean.
func (s *sources) read(d *strict.Decoder, e strict.Entry) {
	var names []string
	for _, k := range s.kinds {
		names = append(names, k.Name())
	}
	switch {
	case e.Value.Kind == strict.Broken:
		return
	case len(s.kinds) == 0:
		d.Mistake(e.At, "no kind of this build makes points of its readings itself; from says where numbers are")
		return
	case e.Value.Kind != strict.Mapping || len(e.Value.Entries) != 1:
		d.Mistake(e.At, "want its kind, with its settings as in a configuration; those that make points of their readings themselves: %s", strict.ListOf(names))
		return
	}
	of := e.Value.Entries[0]
	for _, k := range s.kinds {
		if k.Name() == of.Key {
			of.At.Show = true
			s.settings(d, e.Key, k, of)
			return
		}
	}
	d.Unknown(of, "", names)
}

// settings reads the settings of a source's kind, which must be whole: what the kind makes of others is nobody's to know.
func (s *sources) settings(d *strict.Decoder, name string, k Kind, of strict.Entry) {
	settings, before := k.Settings(), d.Report.Count()
	if d.Into(reflect.ValueOf(settings), of.Value, k.Name()); d.Report.Count() > before {
		return
	}
	err := k.Check(settings)
	var rules map[string]json.RawMessage
	if err == nil {
		rules, err = k.Rules(settings)
	}
	if err == nil {
		_, err = k.Decode(rules)
	}
	if err != nil {
		d.Mistake(of.At, "%s: %s", k.Name(), strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	s.decoded[name] = program.Decoded{Kind: k.Name(), Rules: rules}
}
