//go:build !no.source.sql.postgres

package sql

import "github.com/dodona-oracle/dodona/source/sql/postgres"

var postgresDialect = postgres.Dialect
