package dodona

// An Origin says where an observation came from: which program, over which readings.
type Origin struct {
	Version      Digest `json:"version"`      // of the transform
	Rules        Digest `json:"rules"`        // of the shared part of the feed
	ReadingsRoot Digest `json:"readingsRoot"` // over the salted digests of the readings
}

// An Observation is one node's own signed answer for (feed, round), with its origin.
type Observation struct {
	Feed      FeedID    `json:"feed"`
	Name      string    `json:"name"` // the feed's name, for people and for subjects; bound by Feed
	Round     Round     `json:"round"`
	Value     Int192    `json:"value"` // scaled by the feed's decimals
	Origin    Origin    `json:"origin"`
	Signer    Address   `json:"signer"`
	Signature Signature `json:"signature"`
}

// A Report is the answer that stands: canonical bytes, hence one digest.
type Report struct {
	Feed  FeedID `json:"feed"`
	Round Round  `json:"round"`
	Value Int192 `json:"value"` // scaled by the feed's decimals
}

// An Attestation is a report, the signatures behind it, and the digest of the observations it came from.
type Attestation struct {
	Report     Report      `json:"report"`
	Observed   Digest      `json:"observed"`
	Signatures []Signature `json:"signatures"` // ascending by signer
}

// An Answer is an attestation with everything a stranger needs to verify it: what travels on the bus,
// over the API and into files.
type Answer struct {
	Network     Network     `json:"network"`
	Quorum      Quorum      `json:"quorum"`
	Feed        Feed        `json:"feed"`
	Attestation Attestation `json:"attestation"`
}
