package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

const maxQuery = 64 << 10

// checkQuery says why a query cannot be asked. What it would do is for the database to judge; this finds what a session that only reads would do all the same.
func checkQuery(query string, d Driver) error {
	if strings.TrimSpace(query) == "" {
		return errors.New("query: missing, want a SELECT")
	}
	if len(query) > maxQuery {
		return fmt.Errorf("query: %d bytes, want at most %d", len(query), maxQuery)
	}
	words, err := wordsOf(query, d)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if len(words) == 0 {
		return errors.New("query: there is nothing but comments in it, want a SELECT")
	}
	if first := words[0]; !slices.Contains([]string{"SELECT", "WITH", "VALUES", "TABLE"}, first) {
		return fmt.Errorf("query: begins with %s, want a SELECT (or WITH, VALUES, TABLE): this source only reads", plain.Quote(first, 40))
	}
	for i, word := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case word == ";" && next != "":
			return errors.New("query: a second statement follows the semicolon, want one")
		case word == "INTO":
			return errors.New("query: SELECT INTO writes a table, a variable or a file; this source only reads")
		case word == "FOR" && slices.Contains([]string{"UPDATE", "SHARE", "KEY"}, next), word == "FOR" && next == "NO", word == "LOCK" && next == "IN":
			return fmt.Errorf("query: %s %s locks rows that others write; leave it out", word, next)
		}
	}
	return nil
}

// bare returns a query without what may stand behind it.
func bare(query string) string { return strings.TrimRight(query, "; \t\r\n") }

// wordsOf returns the words of a query in capitals and its semicolons, without what stands in quotes and comments.
func wordsOf(query string, d Driver) (words []string, err error) {
	for i := 0; i < len(query); {
		rest := query[i:]
		n := 1
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"), c == '#' && d == mysqlDriver:
			n = lineOf(rest)
		case strings.HasPrefix(rest, "/*"):
			if d == mysqlDriver && (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")) {
				return nil, errors.New("the server runs what stands in a comment that begins with /*!; leave it out")
			}
			if n = commentOf(rest, d == postgresDriver); n < 0 {
				return nil, errors.New("a comment does not end; want */")
			}
		case c == '\'' || c == '"' || c == '`':
			escapes := d == mysqlDriver && c != '`' || d == postgresDriver && c == '\'' && len(words) > 0 && words[len(words)-1] == "E" && i > 0 && (query[i-1] == 'E' || query[i-1] == 'e')
			if n = quotedOf(rest, escapes); n < 0 {
				return nil, fmt.Errorf("a quotation does not end; want another %c", c)
			}
		case c == '$' && d == postgresDriver:
			if n = dollarsOf(rest); n < 0 {
				return nil, errors.New("a quotation in dollars does not end")
			}
		case c == ';':
			words = append(words, ";")
		case letter(c):
			for n < len(rest) && (letter(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '$') {
				n++
			}
			words = append(words, strings.ToUpper(rest[:n]))
		}
		i += n
	}
	return words, nil
}

func letter(c byte) bool { return c == '_' || c >= 0x80 || c|0x20 >= 'a' && c|0x20 <= 'z' }

func lineOf(s string) int {
	if end := strings.IndexAny(s, "\r\n"); end >= 0 {
		return end
	}
	return len(s)
}

// commentOf returns the length of a comment; -1 if it does not end. Those of PostgreSQL nest.
func commentOf(s string, nest bool) int {
	for i, depth := 2, 1; i+1 < len(s); i++ {
		switch {
		case nest && s[i:i+2] == "/*":
			depth, i = depth+1, i+1
		case s[i:i+2] == "*/":
			if depth, i = depth-1, i+1; depth == 0 || !nest {
				return i + 1
			}
		}
	}
	return -1
}

// quotedOf returns the length of a quotation; -1 if it does not end. A quote that is doubled is one of the text.
func quotedOf(s string, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == s[0] && i+1 < len(s) && s[i+1] == s[0]:
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return -1
}

// dollarsOf returns the length of $tag$ … $tag$, 1 if it is none, -1 if it does not end.
func dollarsOf(s string) int {
	end := strings.IndexByte(s[1:], '$')
	if end < 0 {
		return 1
	}
	tag := s[:end+2]
	for i := 1; i+1 < len(tag); i++ {
		if c := tag[i]; !letter(c) && (i == 1 || c < '0' || c > '9') {
			return 1
		}
	}
	closing := strings.Index(s[len(tag):], tag)
	if closing < 0 {
		return -1
	}
	return 2*len(tag) + closing
}
