package strict

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
	AddWords(words, v.Type())
	report := NewReporter(name, words)
	root, err := Read(r, report)
	if err != nil {
		return err
	}
	d := &Decoder{Report: report}
	switch {
	case root == nil:
	case root.Kind == Scalar || root.Kind == List:
		d.Mistake(root.At, "want a map with %s, got %s", ListOf(Names(Fields(v.Type()))), root.Kind)
	default:
		d.structure(v, root, "")
	}
	return report.Err()
}
