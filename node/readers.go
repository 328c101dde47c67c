package node

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
