package journal

import (
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/nats-io/nats.go/jetstream"
)

// This file owns every stream and limit on the bus; scope.go owns the names.

// The streams: two, because JetStream orders and batches per stream. On the bus each has its network behind it.
const (
	streamRaw   = "RAW"   // large and short: what came in and how it was computed
	streamProof = "PROOF" // small and long: what was said and signed
)

const (
	maxKeyTokens   = 20              // of a record's key: "report.btc.usd.<signer>"
	maxIDLength    = 256             // bytes of a record's ID
	maxGroup       = 256             // records of one flush, unless one Append brings more
	maxGroupBytes  = 4 << 20         // of one flush, unless one record is larger
	maxAppend      = 1000            // records of one Append in one stream: the server's limit for an atomic batch
	minStreamBytes = 1 * unit.MiB    // of a stream
	duplicates     = 2 * time.Second // window of the server's own check; identity is ours, see recent
	spareStore     = 64 << 20        // of the disk beyond the streams: staged batches, readers' positions
	sliceBytes     = 1 << 20         // of one slice of a reader, unless one record is larger
)

// MaxSlice is how many records a slice of a reader has at most.
const MaxSlice = 768

// An api error code of JetStream that decides what happens next.
const (
	codeNotFound        = 10037
	codeWrongLast       = 10071 // another record came in between
	codeWrongLastConst  = 10164
	codeStoreFailed     = 10077 // the stream is full (discard new), or the store broke
	codeNoResources     = 10023
	codeNoStorage       = 10047
	codeTooLarge        = 10054
	codeHeaderTooLarge  = 10097
	codeBatchIncomplete = 10176 // it could not be staged; the server does not say why
)

// A streamSpec says what one stream holds.
type streamSpec struct {
	name   string
	topics []dodona.Topic
}

var streams = []streamSpec{
	{streamRaw, []dodona.Topic{dodona.TopicReading, dodona.TopicRound}},
	{streamProof, []dodona.Topic{
		dodona.TopicObservation, dodona.TopicClaim, dodona.TopicData,
		dodona.TopicLeaf, dodona.TopicAnchor, dodona.TopicIntent, dodona.TopicReceipt, dodona.TopicEvent,
	}},
}

// streamOf returns the name of the stream that keeps a topic, and whether there is one.
func streamOf(topic dodona.Topic) (string, bool) {
	for _, s := range streams {
		for _, t := range s.topics {
			if t == topic {
				return s.name, true
			}
		}
	}
	return "", false
}

func (s streamSpec) limits(c Config) Limits {
	if s.name == streamRaw {
		return c.Raw
	}
	return c.Proof
}

func (s streamSpec) config(c Config) jetstream.StreamConfig {
	net := scopeOf(c.Network)
	subjects := make([]string, len(s.topics))
	for i, t := range s.topics {
		subjects[i] = net.topic(t)
	}
	return jetstream.StreamConfig{
		Name:               net.stream(s.name),
		Subjects:           subjects,
		Storage:            jetstream.FileStorage,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew, // a full stream blocks Append; only retention frees
		MaxBytes:           int64(s.limits(c).Bytes),
		Duplicates:         duplicates,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{layoutKey: layout, networkKey: c.Network.String()},
	}
}
