package telemetry

// What the node that joins the stages counts.
const (
	NodeDropped Counter = "dodona_node_dropped_total" // what the journal can never take and was given up; label: readings, round or answer
)
