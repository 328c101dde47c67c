//go:build !no.source.sql.mysql

package sql

import "github.com/dodona-oracle/dodona/source/sql/mysql"

var mysqlDialect = mysql.Dialect
