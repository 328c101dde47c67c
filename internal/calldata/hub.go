package calldata

import (
	"encoding/binary"
	"math"

	"github.com/dodona-oracle/dodona"
)

// A HubBatch is the answers of many feeds for one round under one signature, as a hub on a chain takes them.
type HubBatch struct {
	Layout dodona.Digest `json:"layout"` // [LayoutOf] the feeds
	Round  dodona.Round  `json:"round"`
	Values []int64       `json:"values"` // in the order of the layout; [NoAnswer] where there is none
}

// NoAnswer stands for a feed that has no answer in a batch, or one out of the range of 64 bits.
const NoAnswer = math.MinInt64

// LayoutOf returns the digest of an ordered list of feeds: keccak256 of their ids, one behind the other.
func LayoutOf(feeds ...dodona.FeedID) dodona.Digest {
	parts := make([][]byte, len(feeds))
	for i := range feeds {
		parts[i] = feeds[i][:]
	}
	return dodona.Keccak256(parts...)
}

// Words returns the batch as words of 32 bytes: round and three values in the first, four values in every other one,
// 64 bits each, big endian. Places behind the last value hold [NoAnswer].
func (b HubBatch) Words() []byte {
	w := binary.BigEndian.AppendUint64(make([]byte, 0, 32*BatchWords(len(b.Values))), uint64(b.Round))
	for _, v := range b.Values {
		w = binary.BigEndian.AppendUint64(w, uint64(v))
	}
	for len(w)%32 != 0 {
		none := int64(NoAnswer)
		w = binary.BigEndian.AppendUint64(w, uint64(none))
	}
	return w
}

// BatchWords returns how many words n values take.
func BatchWords(n int) int { return 1 + n/4 }

var typeBatch = dodona.Keccak256([]byte("Batch(bytes32 layout,uint64 round,bytes32 words)"))

// Digest returns what a quorum signs (EIP-712, type Batch) under the given network id; words is keccak256 of [HubBatch.Words].
func (b HubBatch) Digest(network dodona.Digest) dodona.Digest {
	var round [32]byte
	binary.BigEndian.PutUint64(round[24:], uint64(b.Round))
	words := dodona.Keccak256(b.Words())
	return dodona.TypedDigest(network, dodona.Keccak256(typeBatch[:], b.Layout[:], round[:], words[:]))
}
