// Package calldata writes and reads the bytes that Dodona's contracts take. There is one encoding of everything, and
// decoders refuse every other: a byte more, a byte less, an order that is not ascending, a high s.
//
// A message is a subject and a proof:
//
//	feed     word                                       32 bytes: round uint64 ‖ value int192     (DodonaFeed)
//	batch    words ‖ page                               32·w + 4 bytes                            (DodonaHub)
//	anchor   to ‖ periods ‖ count ‖ root ‖ previous     8 + 2 + 4 + 32 + 32 = 78 bytes            (DodonaAnchor)
//
// followed by one of
//
//	ecdsa    k × (index ‖ r ‖ yParityAndS)              k·65 bytes, index uint8 strictly ascending, EIP-2098
//	schnorr  R_e ‖ s                                    20 + 32 bytes
//
// All numbers are big endian and fill their place. Sent as it stands to the contract, a message is an update: its first four bytes are the upper
// half of a round, 0x000001xx until 2039, which is no contract's selector. As an argument of a function (pull) the
// same bytes go into ReadAt and ReadLatest.
//
// The package is pure: it neither signs nor recovers.
package calldata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/dodona-oracle/dodona"
)

// The sizes in bytes.
const (
	FeedSize    = 32 // of a feed's word
	AnchorSize  = 78 // of an anchor
	PageSize    = 4  // of a hub's page behind the words
	VoteSize    = 65 // of one ECDSA vote
	SchnorrSize = 52 // of a Schnorr proof
)

// ErrMessage: the bytes are not the one encoding of a message. Do not send them.
var ErrMessage = errors.New("not a message that contracts take")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMessage}, args...)...)
}

// FeedWord returns round uint64 ‖ value int192: what a feed's contract stores.
func FeedWord(r dodona.Report) [32]byte {
	w := r.Value.Word()
	binary.BigEndian.PutUint64(w[:8], uint64(r.Round)) // over the sign extension
	return w
}

// ParseFeedWord returns round and value of a feed's word. Every word is one; a slot never written is 0, 0.
func ParseFeedWord(w [32]byte) (dodona.Round, dodona.Int192) {
	v := new(big.Int).SetBytes(w[8:])
	if w[8] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), 192))
	}
	value, _ := dodona.Int192FromBig(v) // 24 bytes always fit
	return dodona.Round(binary.BigEndian.Uint64(w[:8])), value
}

// Feed returns the update of a feed: word ‖ proof. The report's feed is not in it: the contract knows its own.
func Feed(r dodona.Report, proof Proof) []byte {
	w := FeedWord(r)
	return append(w[:], proof.Bytes()...)
}

// DecodeFeed reads what [Feed] returns. The report's feed is left zero.
func DecodeFeed(data []byte) (dodona.Report, Proof, error) {
	if len(data) < FeedSize {
		return dodona.Report{}, Proof{}, refuse("%d bytes are less than a word", len(data))
	}
	proof, err := DecodeProof(data[FeedSize:])
	if err != nil {
		return dodona.Report{}, Proof{}, err
	}
	round, value := ParseFeedWord([32]byte(data))
	return dodona.Report{Round: round, Value: value}, proof, nil
}

// A Page says where a hub keeps a layout: number << 8 | words of a batch. DodonaHub.open returns it.
type Page uint32

// Words returns how many words a batch of the page has.
func (p Page) Words() int { return int(p & 0xff) }

// Batch returns the update of a hub's page: words ‖ page ‖ proof. It fails if b does not have the page's number of words.
func Batch(b HubBatch, page Page, proof Proof) ([]byte, error) {
	words := b.Words()
	if len(words) != 32*page.Words() {
		return nil, refuse("a batch of %d values has %d words, those of page %#x have %d", len(b.Values), len(words)/32, uint32(page), page.Words())
	}
	return append(binary.BigEndian.AppendUint32(words, uint32(page)), proof.Bytes()...), nil
}

// DecodeBatch reads what [Batch] returns for a page of the given layout's feeds; the page must be the given one.
func DecodeBatch(data []byte, page Page, layout dodona.Digest, feeds int) (HubBatch, Proof, error) {
	n := 32 * page.Words()
	if feeds < 1 || BatchWords(feeds) != page.Words() {
		return HubBatch{}, Proof{}, refuse("%d feeds have %d words, those of page %#x have %d", feeds, BatchWords(feeds), uint32(page), page.Words())
	}
	if len(data) < n+PageSize {
		return HubBatch{}, Proof{}, refuse("%d bytes are less than %d words and a page", len(data), page.Words())
	}
	if got := binary.BigEndian.Uint32(data[n:]); got != uint32(page) {
		return HubBatch{}, Proof{}, refuse("page %#x, want %#x", got, uint32(page))
	}
	proof, err := DecodeProof(data[n+PageSize:])
	if err != nil {
		return HubBatch{}, Proof{}, err
	}
	b := HubBatch{Layout: layout, Round: dodona.Round(binary.BigEndian.Uint64(data)), Values: make([]int64, feeds)}
	for place := range 4*page.Words() - 1 {
		v := int64(binary.BigEndian.Uint64(data[8+8*place:]))
		if place < feeds {
			b.Values[place] = v
		} else if v != NoAnswer {
			return HubBatch{}, Proof{}, refuse("place %d holds %d, behind the last of %d feeds", place, v, feeds)
		}
	}
	return b, proof, nil
}

// Anchor returns the post of an anchor: to uint64 ‖ periods uint16 ‖ count uint32 ‖ root ‖ previous ‖ proof, where the
// window is so many periods long. It fails if the window is not on the grid of the period, or too long or too full for
// these numbers.
func Anchor(a dodona.Anchor, periodMilliseconds uint64, proof Proof) ([]byte, error) {
	period := dodona.Round(periodMilliseconds)
	if period == 0 || a.From >= a.To || a.To%period != 0 || a.From%period != 0 {
		return nil, refuse("window %d to %d is not on the grid of %d ms", a.From, a.To, period)
	}
	periods := (a.To - a.From) / period
	if periods > math.MaxUint16 || a.Count > math.MaxUint32 || a.Count == 0 || a.Root.IsZero() {
		return nil, refuse("a window of %d periods with %d leaves: want 1 to %d and 1 to %d, and a root", periods, a.Count, math.MaxUint16, uint32(math.MaxUint32))
	}
	data := binary.BigEndian.AppendUint64(make([]byte, 0, AnchorSize+SchnorrSize), uint64(a.To))
	data = binary.BigEndian.AppendUint16(data, uint16(periods))
	data = binary.BigEndian.AppendUint32(data, uint32(a.Count))
	data = append(append(data, a.Root[:]...), a.Previous[:]...)
	return append(data, proof.Bytes()...), nil
}

// DecodeAnchor reads what [Anchor] returns for the same period.
func DecodeAnchor(data []byte, periodMilliseconds uint64) (dodona.Anchor, Proof, error) {
	if len(data) < AnchorSize {
		return dodona.Anchor{}, Proof{}, refuse("%d bytes are less than an anchor", len(data))
	}
	proof, err := DecodeProof(data[AnchorSize:])
	if err != nil {
		return dodona.Anchor{}, Proof{}, err
	}
	a := dodona.Anchor{
		To:       dodona.Round(binary.BigEndian.Uint64(data)),
		Count:    uint64(binary.BigEndian.Uint32(data[10:])),
		Root:     dodona.Digest(data[14:46]),
		Previous: dodona.Digest(data[46:78]),
	}
	a.From = a.To - dodona.Round(binary.BigEndian.Uint16(data[8:]))*dodona.Round(periodMilliseconds) // wraps: refused below
	if again, err := Anchor(a, periodMilliseconds, proof); err != nil || !bytes.Equal(again, data) {
		return dodona.Anchor{}, Proof{}, refuse("window %d to %d of %d leaves is none on the grid of %d ms", a.From, a.To, a.Count, periodMilliseconds)
	}
	return a, proof, nil
}
