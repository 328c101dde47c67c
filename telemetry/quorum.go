package telemetry

// What the validator measures.
var (
	QuorumAttested   = NewCounters("dodona_quorum_attested_total", "feed", "Observations that became attestations")
	QuorumRepeated   = NewCounters("dodona_quorum_repeated_total", "feed", "Observations seen again, already decided")
	QuorumRejected   = NewCounters("dodona_quorum_rejected_total", "reason", "Observations refused")
	QuorumUnreadable = NewCounters("dodona_quorum_unreadable_total", "feed", "Answers in the journal that cannot be believed and are passed over")
	QuorumLag        = NewTimer("dodona_quorum_lag_seconds", "From the append of a slice's oldest observation to its validation")
)
