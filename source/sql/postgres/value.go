package postgres

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

// types are those whose text is more to JSON than text.
var types = map[uint32]struct {
	name string
	kind session.Kind
}{
	16: {"boolean", session.Boolean}, 17: {"bytea", session.Bytes}, 20: {"bigint", session.Integer}, 21: {"smallint", session.Integer},
	23: {"integer", session.Integer}, 26: {"oid", session.Integer}, 28: {"xid", session.Integer}, 114: {"json", session.JSON}, 700: {"real", session.Float},
	701: {"double precision", session.Float}, 1114: {"timestamp", session.Local}, 1184: {"timestamptz", session.Instant},
	1700: {"numeric", session.Decimal}, 3802: {"jsonb", session.JSON},
	25: {"text", session.Text}, 1042: {"character", session.Text}, 1043: {"varchar", session.Text}, 1082: {"date", session.Text}, 1083: {"time", session.Text},
	1266: {"timetz", session.Text}, 1186: {"interval", session.Text}, 790: {"money", session.Text}, 2950: {"uuid", session.Text}, 19: {"name", session.Text},
}

// typeName names a type; one of an extension or of the user by its number. Its values are text, which every type has.
func typeName(oid uint32) string {
	if t, known := types[oid]; known {
		return t.name
	}
	return "oid " + strconv.FormatUint(uint64(oid), 10)
}

func valueOf(oid uint32, raw []byte) session.Value {
	v := session.Value{Kind: types[oid].kind, Text: string(raw)}
	switch v.Kind {
	case session.Boolean:
		v.Text = strconv.FormatBool(v.Text == "t")
	case session.Bytes:
		if b, err := hex.DecodeString(strings.TrimPrefix(v.Text, `\x`)); err == nil {
			v.Text = string(b)
		}
	}
	return v
}

// argument returns the text by which the server reads a value back.
func argument(v session.Value) string {
	if v.Kind == session.Bytes {
		return `\x` + hex.EncodeToString([]byte(v.Text))
	}
	return v.Text
}
