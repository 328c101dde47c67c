package mysql

import (
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

// valueOf goes by the type of the column, not by what the driver makes of it: decimals and text are bytes alike to it.
func valueOf(c session.Column, v any) session.Value {
	switch v := v.(type) {
	case int64:
		return session.Value{Kind: session.Integer, Text: strconv.FormatInt(v, 10)}
	case uint64:
		return session.Value{Kind: session.Integer, Text: strconv.FormatUint(v, 10)}
	case float32:
		return session.Value{Kind: session.Float, Text: strconv.FormatFloat(float64(v), 'g', -1, 32)}
	case float64:
		return session.Value{Kind: session.Float, Text: strconv.FormatFloat(v, 'g', -1, 64)}
	case string:
		return textOf(c.Type, v)
	case []byte:
		return textOf(c.Type, string(v))
	}
	return session.Value{Kind: session.Unread}
}

func textOf(name, text string) session.Value {
	v := session.Value{Text: text}
	switch {
	case name == "DECIMAL":
		v.Kind = session.Decimal
	case strings.HasPrefix(name, "UNSIGNED "):
		v.Kind = session.Integer // beyond the largest int64
	case name == "BIT":
		v.Kind, v.Text = session.Integer, strconv.FormatUint(bits(text), 10)
	case name == "JSON":
		v.Kind = session.JSON
	case name == "TIMESTAMP":
		v.Kind = session.Instant
	case name == "DATETIME":
		v.Kind = session.Local
	case strings.HasSuffix(name, "BLOB"), strings.HasSuffix(name, "BINARY"):
		v.Kind = session.Bytes
	case strings.HasSuffix(name, "TEXT"), strings.HasSuffix(name, "CHAR"), name == "ENUM", name == "SET", name == "DATE", name == "TIME", name == "YEAR":
	default:
		v.Kind = session.Unread
	}
	return v
}

func bits(text string) (n uint64) {
	for _, b := range []byte(text) {
		n = n<<8 | uint64(b)
	}
	return n
}

// argument returns a value as the server compares it without loss: integers as such, for it compares text with numbers as binary
// floating point.
func argument(v session.Value) any {
	switch v.Kind {
	case session.Integer:
		if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(v.Text, 10, 64); err == nil {
			return n
		}
	case session.Float:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return f
		}
	case session.Bytes:
		return []byte(v.Text)
	}
	return v.Text
}
