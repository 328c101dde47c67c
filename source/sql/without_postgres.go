//go:build no.source.sql.postgres

package sql

import "github.com/dodona-oracle/dodona/source/sql/session"

var postgresDialect session.Dialect // not in this build
