package config

import (
	"slices"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// The two-line form: an endpoint that holds a number, and a key to sign it with.
//
//	endpoint: https://…
//	signature_key: {file: PATH}    # or whatever else names a key
//	value: /pointer                # only if the document has several numbers
//
// It is rewritten into the long form before anything else looks at it, so both have the same ids.
const (
	twoLineEndpoint = "endpoint"
	twoLineKey      = "signature_key"
	twoLineValue    = "value"
	twoLineFeed     = "answer"
)

var twoLineKeys = []string{twoLineEndpoint, twoLineKey, twoLineValue}

// isTwoLine reports whether the file has one of the two lines, or, without anything of the long form, what others call them.
func (l *loader) isTwoLine() bool {
	meant := false
	for _, e := range l.root.Entries {
		if slices.Contains(topKeys(), e.Key) {
			return l.root.Has(twoLineEndpoint) || l.root.Has(twoLineKey)
		}
		meant = meant || e.Key == twoLineEndpoint || e.Key == twoLineKey || len(means(e.Key, twoLineKeys)) > 0
	}
	return meant
}

// expandTwoLine rewrites the tree. Places stay those of the file.
func (l *loader) expandTwoLine() {
	l.config.TwoLine = true
	d := l.decoder("", twoLineHint)
	source := &strict.Node{Kind: strict.Mapping, At: l.root.At}
	root := &strict.Node{Kind: strict.Mapping, At: l.root.At}
	for i := range l.root.Entries {
		d.Rename(l.root, i, "", twoLineKeys)
		e := l.root.Entries[i]
		e.At.Show = e.At.Show || slices.Contains(twoLineKeys, e.Key)
		switch e.Key {
		case twoLineEndpoint:
			url := &strict.Node{Kind: strict.Mapping, At: e.At, Entries: []strict.Entry{{Key: "url", Label: e.Key, At: e.At, Value: e.Value}}}
			source.Entries = append(source.Entries, strict.Entry{Key: "http", At: e.At, Value: url})
		case twoLineKey:
			if names := namesNoKey(e.Value); names != "" {
				d.Mistake(e.At, "%s %s: want {file: PATH}, {file: PATH, password: {file: PATH}} or {env: NAME}", twoLineKey, names)
			}
			key := &strict.Node{Kind: strict.Mapping, At: e.At, Entries: []strict.Entry{{Key: "key", Label: e.Key, At: e.At, Value: e.Value}}}
			root.Entries = append(root.Entries, strict.Entry{Key: "node", At: e.At, Value: key})
		case twoLineValue:
			source.Entries = append(source.Entries, e)
		}
	}
	for _, missing := range []string{twoLineEndpoint, twoLineKey} {
		if !l.root.Has(missing) && !l.root.Torn && !slices.ContainsFunc(l.root.Entries, func(e strict.Entry) bool { return e.Value.Kind == strict.Broken }) {
			l.report.Add(strict.Mistake{Message: "the line " + missing + ": is missing", Hint: "the two-line form is endpoint: https://… and signature_key: {file: PATH} (`dodona key new --raw PATH` makes one)"}, l.root.At)
		}
	}
	if l.root.Has(twoLineEndpoint) {
		root.Entries = append(root.Entries,
			strict.Entry{Key: "sources", At: source.Entries[0].At, Value: l.synthetic(strict.Mapping, strict.Entry{Key: twoLineEndpoint, At: l.root.At, Value: source})},
			strict.Entry{Key: "feeds", At: l.root.At, Value: l.synthetic(strict.Mapping, strict.Entry{Key: twoLineFeed, At: l.root.At, Value: l.twoLineFeed()})})
	}
	l.root = root
}

// twoLineHint says of a key beside the two lines that it takes the long form.
func twoLineHint(key string) (hint, instead string) {
	for _, k := range append(topKeys(), strict.Names(strict.Fields(feedType))...) {
		if k == key {
			return "the two-line form knows only endpoint, signature_key and value; `dodona check --expand` prints the long form of these, to go on from", ""
		}
	}
	return "", ""
}

// namesNoKey says why a value names no key, where a node would take its own; "" if it may.
func namesNoKey(n *strict.Node) string {
	switch {
	case n.Kind == strict.Null:
		return "has no value"
	case n.Kind == strict.Mapping && len(n.Entries) == 0:
		return "is empty"
	}
	return ""
}

func (l *loader) synthetic(kind strict.NodeKind, entries ...strict.Entry) *strict.Node {
	return &strict.Node{Kind: kind, At: l.root.At, Entries: entries}
}

func (l *loader) twoLineFeed() *strict.Node {
	word := func(text string) *strict.Node { return &strict.Node{Kind: strict.Scalar, At: l.root.At, Text: text} }
	return l.synthetic(
		strict.Mapping,
		strict.Entry{Key: "kind", At: l.root.At, Value: word("number")},
		strict.Entry{Key: "decimals", At: l.root.At, Value: word("18")},
		strict.Entry{Key: "every", At: l.root.At, Value: word("10s")},
		strict.Entry{Key: "from", At: l.root.At, Value: &strict.Node{Kind: strict.List, At: l.root.At, Items: []*strict.Node{word(twoLineEndpoint)}}},
	)
}
