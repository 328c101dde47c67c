package telemetry

// What anchoring measures. The label of leaves is their kind: attestation, gap, late.
const (
	AnchorSealed Counter = "dodona_anchor_sealed_total"   // windows that have an anchor
	AnchorLeaves Counter = "dodona_anchor_leaves_total"   // leaves of sealed windows, by kind
	AnchorTime   Timer   = "dodona_anchor_seal_seconds"   // from the first look at a window to its anchor
	AnchorLag    Timer   = "dodona_anchor_behind_seconds" // from the end of a window to its anchor
)
