//go:build !no.sink.mqtt

package all

import "github.com/dodona-oracle/dodona/sink/mqtt"

func init() { sinks = append(sinks, mqtt.Kind) }
