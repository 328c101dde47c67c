package telemetry

// What the node that joins the stages counts.
var (
	NodeDropped = NewCounters("dodona_node_dropped_total", "what", "What the journal can never take and was given up: readings, round, shadow or answer")
)
