package sqlite

import (
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

// valueOf goes by what is stored: a column of SQLite holds values of any type.
func valueOf(c session.Column, v any) session.Value {
	switch v := v.(type) {
	case int64:
		if strings.HasPrefix(strings.ToUpper(c.Type), "BOOL") && (v == 0 || v == 1) {
			return session.Value{Kind: session.Boolean, Text: strconv.FormatBool(v == 1)}
		}
		return session.Value{Kind: session.Integer, Text: strconv.FormatInt(v, 10)}
	case float64:
		return session.Value{Kind: session.Float, Text: strconv.FormatFloat(v, 'g', -1, 64)}
	case bool:
		return session.Value{Kind: session.Boolean, Text: strconv.FormatBool(v)}
	case []byte:
		return session.Value{Kind: session.Bytes, Text: string(v)}
	case string:
		if t := strings.ToUpper(c.Type); strings.Contains(t, "DATE") || strings.Contains(t, "TIME") {
			return session.Value{Kind: session.Local, Text: v}
		}
		return session.Value{Text: v}
	}
	return session.Value{Kind: session.Unread}
}

func argument(v session.Value) any {
	switch v.Kind {
	case session.Integer:
		if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return n
		}
	case session.Float:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return f
		}
	case session.Boolean:
		return v.Text == "true"
	case session.Bytes:
		return []byte(v.Text)
	}
	return v.Text
}
