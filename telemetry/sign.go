package telemetry

// What package sign measures.
const (
	SignClaims     Counter = "dodona_sign_claims_total"     // claims put on record
	SignSignatures Counter = "dodona_sign_signatures_total" // signatures given out; more than claims where a round was signed again
	SignRefused    Counter = "dodona_sign_refused_total"    // label: why: "conflict", "passed", "early", "before", "malformed", "ledger"
	SignRaces      Counter = "dodona_sign_races_total"      // appends repeated because another process wrote in between
	SignTime       Timer   = "dodona_sign_seconds"          // from the call to its signatures, the flush of the journal included
)
