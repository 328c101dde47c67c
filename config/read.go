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
	report := &reporter{name: name, words: map[string]bool{}}
	v := reflect.ValueOf(into).Elem()
	addWords(report.words, v.Type())
	doc, err := readDocument(r, report)
	if err != nil {
		return err
	}
	d := &decoder{report: report}
	switch {
	case doc == nil:
	case doc.root.kind == scalar || doc.root.kind == list:
		d.mistake(doc.root.at, "want a map with %s, got %s", listOf(names(fields(v.Type()))), nodeKinds[doc.root.kind])
	default:
		d.structure(v, doc.root, "")
	}
	return report.err()
}
