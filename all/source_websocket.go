//go:build !no.source.websocket

package all

import "github.com/dodona-oracle/dodona/source/websocket"

func init() { kinds = append(kinds, websocket.Kind) }
