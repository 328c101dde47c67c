package extract

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A way is how a rule comes to its value.
type way uint8

const (
	tree  way = iota // by a pointer, or the only number, of a document in JSON or CBOR
	pack             // by the name of a SenML record
	table            // by a column of a CSV document
	match            // by a regular expression
)

// way returns how r comes to its value.
func (r Rule) way() way {
	switch {
	case r.SenML != "":
		return pack
	case r.Column != "":
		return table
	case r.Regex != "":
		return match
	}
	return tree
}

// Finds reports whether r says where its value stands, rather than that it is the only number of its document.
func (r Rule) Finds() bool { return r.Pointer != "" || r.way() != tree }

var errNoColumn = errors.New("is for a CSV document, and the rule has no column, such as column: temperature")

// checkOne refuses a rule that comes to its value in two ways, and names the second of its settings.
func (r Rule) checkOne() (field string, err error) {
	var given []string
	for _, setting := range []struct{ name, value string }{{"pointer", r.Pointer}, {"senml", r.SenML}, {"column", r.Column}, {"regex", r.Regex}} {
		if setting.value != "" {
			given = append(given, setting.name)
		}
	}
	if len(given) > 1 {
		return given[1], fmt.Errorf("the rule has %s too; a value is found by one of pointer, senml, column and regex", given[0])
	}
	switch {
	case r.Encoding == "" || r.way() == tree:
		return "encoding", r.checkEncoding()
	case r.SenML != "":
		return "encoding", errors.New("leave it out: a SenML pack says itself whether it is CBOR")
	}
	return "encoding", fmt.Errorf("is of a document with a pointer, and the rule has %s", given[0])
}

func (r Rule) checkEncoding() error {
	if r.Encoding == "" || slices.Contains(r.Encoding.Words(), string(r.Encoding)) {
		return nil
	}
	return fmt.Errorf("%s: want json or cbor", printable(string(r.Encoding)))
}

// checkOther tells the mistakes of a rule without pointers.
func (r Rule) checkOther(w way, mistake func(field string, err error)) {
	switch w {
	case pack:
		mistake("senml", checkRecordName(r.SenML))
		if r.Time != "" {
			mistake("time", errors.New("leave it out: a SenML record has its own time"))
		}
		if len(r.Where) > 0 {
			mistake("where", errors.New("leave it out: a SenML record is found by its name"))
		}
	case table:
		r.checkColumns(mistake)
	case match:
		_, err := patternOf(r.Regex)
		mistake("regex", err)
		if r.Time != "" {
			mistake("time", errors.New("is a place in a document; of a text it is the group called time of regex: (?P<time>…)"))
		}
		if len(r.Where) > 0 {
			mistake("where", errors.New("leave it out: the regular expression itself says what must stand around the value"))
		}
	}
}

// otherwise adds to why a reading is no JSON document what it may be instead, and the setting for that.
func otherwise(plans []plan, why error, r dodona.Reading) error {
	media, _, _ := strings.Cut(strings.ToLower(r.ContentType), ";")
	media = strings.TrimSpace(media)
	switch {
	case media == "application/senml+cbor" || media == "application/senml+json":
		return fmt.Errorf("%w; a record of a SenML pack is taken by its name, such as senml: urn:dev:mac:0024befffe804ff1:temp", why)
	case media == "application/cbor" || strings.HasSuffix(media, "+cbor"):
		return fmt.Errorf("%w; its media type is %s, which is read with encoding: cbor", why, media)
	case slices.ContainsFunc(plans, func(p plan) bool { return p.rule.Pointer != "" }):
		return why
	case startsWithNumber(r.Body):
		return fmt.Errorf("%w; a number within a text is taken by a regular expression, such as regex: '(-?[0-9.]+)'", why)
	}
	return why
}

// startsWithNumber reports whether a body is one line of text that begins with a number.
func startsWithNumber(body []byte) bool {
	const most = 80 // bytes
	line := bytes.TrimSpace(body)
	line = bytes.TrimLeft(line, "+-")
	return len(line) > 0 && len(line) <= most && isDigit(line[0]) && bytes.IndexByte(line, '\n') < 0
}
