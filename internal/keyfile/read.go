package keyfile

import (
	"reflect"
	"slices"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// inEnv is the key of a map that stands for the key itself: {env: NAME} is {hex: {env: NAME}}.
const inEnv = "env"

// ReadNode reads a key as people write one.
func (k *Key) ReadNode(d *strict.Decoder, n *strict.Node, key string) {
	type long Key
	into := reflect.ValueOf((*long)(k)).Elem()
	itself := func(at *strict.Span, of *strict.Node) {
		hex := &strict.Node{Kind: strict.Mapping, At: n.At, Entries: []strict.Entry{{Key: "hex", Label: key, At: at, Value: of}}}
		d.Into(into, hex, key)
	}
	switch n.Kind {
	case strict.Null:
		return
	case strict.Scalar:
		itself(n.At, n)
		return
	case strict.Mapping:
	default:
		d.Want(n, key, "{file: PATH}, {file: PATH, password: {file: PATH}}, {env: NAME} or 64 hex digits")
		return
	}
	known := append(strict.Names(strict.Fields(into.Type())), inEnv)
	named := *n
	named.Entries = nil
	for i := range n.Entries {
		d.Rename(n, i, key, known)
		e := n.Entries[i]
		switch {
		case e.Key == inEnv:
			e.At.Show = true
			itself(e.At, &strict.Node{Kind: strict.Mapping, At: n.At, Entries: []strict.Entry{e}})
		case slices.Contains(known, e.Key):
			named.Entries = append(named.Entries, e)
		}
	}
	d.Into(into, &named, key)
	if file, at := named.Child("file"); file != nil && file.Kind == strict.Scalar && at != nil {
		file.At.Show = !IsRaw([]byte(file.Text))
	}
}
