//go:build !no.sink.stdout

package all

import "github.com/dodona-oracle/dodona/sink/stdout"

func init() { sinks = append(sinks, stdout.Kind) }
