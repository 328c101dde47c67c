//go:build !no.source.sql.sqlite

package sql

import "github.com/dodona-oracle/dodona/source/sql/sqlite"

var sqliteDialect = sqlite.Dialect
