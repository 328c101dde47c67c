package telemetry

// What anchoring measures.
var (
	AnchorSealed = NewCounter("dodona_anchor_sealed_total", "Windows that have an anchor")
	AnchorLeaves = NewCounters("dodona_anchor_leaves_total", "leaf", "Leaves of sealed windows: attestation, gap or late")
	AnchorTime   = NewTimer("dodona_anchor_seal_seconds", "From the first look at a window to its anchor")
	AnchorLag    = NewTimer("dodona_anchor_behind_seconds", "From the end of a window to its anchor")
)
