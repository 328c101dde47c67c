//go:build !no.sink.webhook

package all

import "github.com/dodona-oracle/dodona/sink/webhook"

func init() { sinks = append(sinks, webhook.Kind) }
