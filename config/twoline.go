package config

// The two-line form: an endpoint that holds a number, and a key to sign it with.
//
//	endpoint: https://…
//	signature_key: 0x…
//	value: /pointer            # only if the document has several numbers
//
// It is rewritten into the long form before anything else looks at it, so both have the same ids.
const (
	twoLineEndpoint = "endpoint"
	twoLineKey      = "signature_key"
	twoLineValue    = "value"
	twoLineFeed     = "answer"
)

var twoLineKeys = []string{twoLineEndpoint, twoLineKey, twoLineValue}

// isTwoLine reports whether the file has one of the two lines.
func (l *loader) isTwoLine() bool { return l.root.has(twoLineEndpoint) || l.root.has(twoLineKey) }

// expandTwoLine rewrites the tree. Places stay those of the file.
func (l *loader) expandTwoLine() {
	l.config.TwoLine = true
	d := l.decoder("", func(key string) string {
		for _, k := range topKeys() {
			if k == key {
				return "the two-line form knows only endpoint, signature_key and value; `dodona check --expand` prints the long form"
			}
		}
		return ""
	})
	source := &node{kind: mapping, at: l.root.at}
	root := &node{kind: mapping, at: l.root.at}
	for _, e := range l.root.entries {
		e.at.show = true
		switch e.key {
		case twoLineEndpoint:
			url := &node{kind: mapping, at: e.at, entries: []entry{{key: "url", label: e.key, at: e.at, value: e.value}}}
			source.entries = append(source.entries, entry{key: "http", at: e.at, value: url})
		case twoLineKey:
			hex := &node{kind: mapping, at: e.at, entries: []entry{{key: "hex", label: e.key, at: e.at, value: e.value}}}
			key := &node{kind: mapping, at: e.at, entries: []entry{{key: "key", label: e.key, at: e.at, value: hex}}}
			root.entries = append(root.entries, entry{key: "node", at: e.at, value: key})
		case twoLineValue:
			source.entries = append(source.entries, e)
		default:
			d.unknown(e, "", twoLineKeys)
		}
	}
	for _, missing := range []string{twoLineEndpoint, twoLineKey} {
		if !l.root.has(missing) {
			l.report.add(Mistake{Message: "the line " + missing + ": is missing", Hint: "the two-line form is endpoint: https://… and signature_key: 0x…"}, l.root.at)
		}
	}
	if l.root.has(twoLineEndpoint) {
		root.entries = append(root.entries,
			entry{key: "sources", at: source.entries[0].at, value: l.synthetic(mapping, entry{key: twoLineEndpoint, at: l.root.at, value: source})},
			entry{key: "feeds", at: l.root.at, value: l.synthetic(mapping, entry{key: twoLineFeed, at: l.root.at, value: l.twoLineFeed()})})
	}
	l.root = root
}

func (l *loader) synthetic(kind nodeKind, entries ...entry) *node {
	return &node{kind: kind, at: l.root.at, entries: entries}
}

func (l *loader) twoLineFeed() *node {
	word := func(text string) *node { return &node{kind: scalar, at: l.root.at, text: text} }
	return l.synthetic(
		mapping,
		entry{key: "kind", at: l.root.at, value: word("number")},
		entry{key: "decimals", at: l.root.at, value: word("18")},
		entry{key: "every", at: l.root.at, value: word("10s")},
		entry{key: "from", at: l.root.at, value: &node{kind: list, at: l.root.at, items: []*node{word(twoLineEndpoint)}}},
	)
}

// path returns the node and the place of a setting, such as "node.key.hex".
func (l *loader) path(dotted string) (*node, *span) { return l.root.descend(dotted) }
