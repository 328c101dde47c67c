//go:build !no.source.http

package all

import "github.com/dodona-oracle/dodona/source/http"

func init() { kinds = append(kinds, http.Kind) }
