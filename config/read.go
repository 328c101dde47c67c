package config

import (
	"io"
	"reflect"
)

// Decode reads another YAML file than the configuration into the struct that into points to, by the same rules and as
// strictly: a key is the yaml tag, or the field's name in lower case, and one that no field has is a mistake. Fields
// that the file leaves out keep what they hold.
//
// A file with mistakes gives a [*MistakesError] with all of them; name is what it calls the file. Any other error is
// the reader's.
func Decode(r io.Reader, name string, into any) error {
	v := reflect.ValueOf(into).Elem()
	words := map[string]bool{}
	addWords(words, v.Type())
	report := newReporter(name, words)
	root, err := read(r, report)
	if err != nil {
		return err
	}
	d := &decoder{report: report}
	switch {
	case root == nil:
	case root.kind == scalar || root.kind == list:
		d.mistake(root.at, "want a map with %s, got %s", listOf(names(fields(v.Type()))), root.kind)
	default:
		d.structure(v, root, "")
	}
	return report.err()
}
