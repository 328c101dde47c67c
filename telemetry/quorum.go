package telemetry

// What the validator measures. The label of a counter is the feed's name, or the reason of a rejection.
const (
	QuorumAttested   Counter = "dodona_quorum_attested_total"   // observations that became attestations, by feed
	QuorumRepeated   Counter = "dodona_quorum_repeated_total"   // observations seen again, already decided, by feed
	QuorumRejected   Counter = "dodona_quorum_rejected_total"   // observations refused, by reason
	QuorumUnreadable Counter = "dodona_quorum_unreadable_total" // answers in the journal that cannot be believed and are passed over, by feed
	QuorumLag        Timer   = "dodona_quorum_lag_seconds"      // from the append of a slice's oldest observation to its validation
)
