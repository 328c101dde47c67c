//go:build !no.source.coap

package all

import "github.com/dodona-oracle/dodona/source/coap"

func init() { kinds = append(kinds, coap.Kind) }
