package telemetry

// What package sign measures.
var (
	SignClaims     = NewCounter("dodona_sign_claims_total", "Claims put on record")
	SignSignatures = NewCounter("dodona_sign_signatures_total", "Signatures given out; more than claims where a round was signed again")
	SignRefused    = NewCounters("dodona_sign_refused_total", "reason", "Calls refused: outrun, conflict, passed, early, before, malformed or ledger")
	SignRaces      = NewCounter("dodona_sign_races_total", "Appends repeated because another process wrote in between")
	SignTime       = NewTimer("dodona_sign_seconds", "From a call to its signatures, the flush of the journal included")
)
