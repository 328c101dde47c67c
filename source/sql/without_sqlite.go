//go:build no.source.sql.sqlite

package sql

import "github.com/dodona-oracle/dodona/source/sql/session"

var sqliteDialect session.Dialect // not in this build
