//go:build !no.source.sql

package all

import "github.com/dodona-oracle/dodona/source/sql"

func init() { kinds = append(kinds, sql.Kind) }
