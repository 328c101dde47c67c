package node

// The durable readers of the roles; sinks have one each, see [sink.Reader]. They are this node's own.
const (
	readValidate = "validate"
	readRounds   = "serve-rounds"
	readData     = "serve-data"
)
