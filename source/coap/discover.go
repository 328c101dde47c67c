package coap

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source"
)

// A Found is a resource that a device says it has.
type Found struct {
	Path       string   // as Settings.Paths has it
	Title      string   // for people
	Types      []string // rt: what it is, such as temperature-c
	Interfaces []string // if: how it is used
	Formats    []string // ct: media types, or numbers of Content-Formats
	Observable bool     // obs
}

// The bounds of what a device says of itself.
const (
	maxFound = 1024
	maxWords = 16 // of a list
	maxWord  = 128
)

// Discover asks a device for its resources (/.well-known/core, RFC 6690) once, and returns the first most of them, at most 1,024, and
// whether these are all. The settings are those of a source of it; their paths do not count. It only reads.
func Discover(ctx context.Context, s Settings, most int) (found []Found, all bool, err error) {
	s.Paths, s.Observe, s.Accept, s.Every, s.Expect = nil, false, "", 0, 0
	if u, err := url.Parse(s.URL); err == nil {
		s.URL = u.Scheme + "://" + u.Host + "/.well-known/core"
	}
	c, err := newClient(s, source.Env{Now: time.Now, Dropped: func(uint64, string) {}})
	if err != nil {
		return nil, false, err
	}
	defer c.disconnect()
	if err := c.connect(ctx); err != nil {
		return nil, false, c.failure(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	got, err := c.fetch(limited, c.resources[0], representation{})
	switch {
	case mattersToLink(err):
		return nil, false, c.failure(ctx, err)
	case err != nil:
		return nil, false, fmt.Errorf("GET %s /.well-known/core %w", c.address, err)
	case got.named && got.format != linkFormat:
		return nil, false, fmt.Errorf("GET %s /.well-known/core: it answers in %s, want application/link-format", c.address, formatText(got.format))
	}
	return parseLinks(string(got.body), min(most, maxFound))
}

// parseLinks reads a document in application/link-format.
func parseLinks(text string, most int) (found []Found, all bool, err error) {
	for rest := strings.TrimSpace(text); rest != ""; {
		if len(found) == most {
			return found, false, nil
		}
		var f Found
		var ours bool
		if f, ours, rest, err = parseLink(rest); err != nil {
			return found, false, fmt.Errorf("the list of resources is not in link format: %w", err)
		}
		if ours {
			found = append(found, f)
		}
	}
	return found, true, nil
}

// parseLink reads the first link. One to elsewhere is not ours.
func parseLink(text string) (f Found, ours bool, rest string, err error) {
	if !strings.HasPrefix(text, "<") {
		return f, false, "", fmt.Errorf("%s: want < before a path", plain.Quote(text, 40))
	}
	target, rest, closed := strings.Cut(text[1:], ">")
	if !closed {
		return f, false, "", fmt.Errorf("%s: want > behind a path", plain.Quote(text, 40))
	}
	f.Path = target
	_, wrong := splitPath(target)
	ours = wrong == nil && !strings.HasPrefix(target, "//")
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		switch {
		case rest == "":
			return f, ours, "", nil
		case rest[0] == ',':
			return f, ours, strings.TrimLeft(rest[1:], " \t\r\n"), nil
		case rest[0] != ';':
			return f, false, "", fmt.Errorf("%s: want ; or , behind a link", plain.Quote(rest, 40))
		}
		var name, value string
		if name, value, rest, err = parseAttribute(strings.TrimLeft(rest[1:], " \t\r\n")); err != nil {
			return f, false, "", err
		}
		f.set(name, value)
	}
}

// parseAttribute reads name, name=word or name="text".
func parseAttribute(text string) (name, value, rest string, err error) {
	end := strings.IndexAny(text, "=;,")
	if end < 0 {
		return strings.TrimSpace(text), "", "", nil
	}
	name, rest = strings.TrimSpace(text[:end]), text[end:]
	if rest[0] != '=' {
		return name, "", rest, nil
	}
	rest = rest[1:]
	if !strings.HasPrefix(rest, `"`) {
		if end = strings.IndexAny(rest, ";,"); end < 0 {
			end = len(rest)
		}
		return name, strings.TrimSpace(rest[:end]), rest[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return name, b.String(), rest[i+1:], nil
		case '\\':
			if i++; i == len(rest) {
				continue
			}
		}
		b.WriteByte(rest[i])
	}
	return "", "", "", errors.New("a quote is not closed")
}

// set takes in what an attribute says.
func (f *Found) set(name, value string) {
	switch strings.TrimSpace(name) {
	case "title":
		f.Title = plain.Line(value, maxWord)
	case "rt":
		f.Types = words(value)
	case "if":
		f.Interfaces = words(value)
	case "obs":
		f.Observable = true
	case "ct":
		f.Formats = nil
		for _, word := range words(value) {
			if n, err := strconv.ParseUint(word, 10, 16); err == nil && mediaTypes[uint32(n)] != "" {
				word = mediaTypes[uint32(n)]
			}
			f.Formats = append(f.Formats, word)
		}
	}
}

// words returns the first words of a list.
func words(list string) (words []string) {
	for _, word := range strings.Fields(list) {
		if len(words) < maxWords {
			words = append(words, plain.Line(word, maxWord))
		}
	}
	return words
}
