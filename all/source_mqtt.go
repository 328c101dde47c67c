//go:build !no.source.mqtt

package all

import "github.com/dodona-oracle/dodona/source/mqtt"

func init() { kinds = append(kinds, mqtt.Kind) }
