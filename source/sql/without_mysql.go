//go:build no.source.sql.mysql

package sql

import "github.com/dodona-oracle/dodona/source/sql/session"

var mysqlDialect session.Dialect // not in this build
