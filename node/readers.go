package node

import "github.com/dodona-oracle/dodona/config"

// The durable readers by which the roles follow the journal. A name is a position: whoever changes one loses what it had
// finished. On the server each has the node's name before it (gw-7_validate), so every member of a quorum reads everything,
// and none another's positions. Those of a folder of format 1 are made from names of then, in journal/upgrade_copy.go.
const (
	readValidate = "validate"     // observations, by the validator
	readRounds   = "serve-rounds" // rounds, by the board
	readData     = "serve-data"   // answers, by the board
)

// sinkReader is that of a sink, by its name in the configuration.
func sinkReader(sink string) string { return "sink-" + sink }

// pointsReader is that of a sink of points, in the other stream.
func pointsReader(sink string) string { return "points-" + sink }

// readerOfSink is that by which a sink of the configuration reads.
func readerOfSink(s config.Sink) string {
	if s.OfPoints {
		return pointsReader(s.Name)
	}
	return sinkReader(s.Name)
}
