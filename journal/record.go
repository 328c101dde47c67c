package journal

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/nats-io/nats.go"
)

// Headers of a record on the bus: a CloudEvent 1.0 in binary mode, and its place in its writer's chain.
const (
	headerVersion  = "ce-specversion"
	headerID       = "ce-id"
	headerSource   = "ce-source" // /<node>/<writer>/<topic>/<key>
	headerType     = "ce-type"   // dodona.<topic>
	headerTime     = "ce-time"   // RFC 3339 with milliseconds, UTC
	headerSequence = "Dodona-Sequence"
	headerPrevious = "Dodona-Previous"
	headerAgain    = "Dodona-Again" // of a record that retention wrote again: every reader had finished it

	headerExpected        = "Nats-Expected-Last-Subject-Sequence"
	headerBatchID         = "Nats-Batch-Id"
	headerBatchSequence   = "Nats-Batch-Sequence"
	headerBatchCommit     = "Nats-Batch-Commit"
	headersOnBusAllowance = 1024 // bytes, at most, that headers and subject add to a record
)

const timeLayout = "2006-01-02T15:04:05.000Z"

// check returns why a record cannot be kept.
func check(r dodona.Record, node string) error {
	if _, known := streamOf(r.Topic); !known {
		return fmt.Errorf("topic %q: no stream keeps it", r.Topic)
	}
	if err := dodona.CheckName(r.Key, maxKeyTokens); err != nil {
		return fmt.Errorf("%s record: key: %w", r.Topic, err)
	}
	if len(r.ID) == 0 || len(r.ID) > maxIDLength {
		return fmt.Errorf("%s record of %s: id of %d bytes: want 1 to %d", r.Topic, r.Key, len(r.ID), maxIDLength)
	}
	for i := range len(r.ID) {
		if r.ID[i] <= ' ' || r.ID[i] > '~' {
			return fmt.Errorf("%s record of %s: id %q: want printable ASCII without spaces", r.Topic, r.Key, r.ID)
		}
	}
	if r.Node != "" && r.Node != node {
		return fmt.Errorf("%s record of %s: node %q: this journal writes only for %q", r.Topic, r.Key, r.Node, node)
	}
	return nil
}

// digestOf is what the next record of the same writer names as its predecessor: keccak256 over the tag, each text
// and the body with its length before it, the time in Unix milliseconds, the sequence, and the digest before.
func digestOf(r dodona.Record, writer string) dodona.Digest {
	buf := make([]byte, 0, 512)
	buf = append(buf, "dodona/record/1\x00"...)
	for _, s := range [...]string{string(r.Topic), r.Key, r.ID, r.Node, writer} {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	buf = binary.BigEndian.AppendUint64(buf, uint64(r.Appended.UnixMilli()))
	buf = binary.BigEndian.AppendUint64(buf, r.Sequence)
	buf = append(buf, r.Previous[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(r.Body)))
	return dodona.Keccak256(buf, r.Body)
}

// encode writes a complete record as a message of a network.
func encode(r dodona.Record, writer string, net scope) *nats.Msg {
	return &nats.Msg{
		Subject: net.subject(r.Topic, r.Key, r.Node),
		Header: nats.Header{
			headerVersion:  {"1.0"},
			headerID:       {r.ID},
			headerSource:   {"/" + r.Node + "/" + writer + "/" + string(r.Topic) + "/" + r.Key},
			headerType:     {"dodona." + string(r.Topic)},
			headerTime:     {r.Appended.UTC().Format(timeLayout)},
			headerSequence: {strconv.FormatUint(r.Sequence, 10)},
			headerPrevious: {hex.EncodeToString(r.Previous[:])},
		},
		Data: r.Body,
	}
}

// decode reads a message back, with the name of the chain it belongs to.
func decode(subject string, header nats.Header, body []byte) (r dodona.Record, writer string, err error) {
	topic, key, node, err := parseSubject(subject)
	if err != nil {
		return r, "", err
	}
	fail := func(what string, err error) (dodona.Record, string, error) {
		return dodona.Record{}, "", fmt.Errorf("record on %s: %w: %s: %w", subject, ErrNoRecord, what, err)
	}
	if strings.Contains(key, "/") { // no record of ours: its source could not be read
		return fail("subject", fmt.Errorf("the key %q has a slash", key))
	}
	source := strings.Split(header.Get(headerSource), "/")
	if len(source) != 5 || source[1] == "" || source[2] == "" || (node != "" && node != source[1]) {
		return fail(headerSource, fmt.Errorf("%q does not name node and writer", header.Get(headerSource)))
	}
	r = dodona.Record{Topic: topic, Key: key, ID: header.Get(headerID), Node: source[1], Body: body}
	if r.ID == "" {
		return fail(headerID, errMissing)
	}
	if r.Sequence, err = strconv.ParseUint(header.Get(headerSequence), 10, 64); err != nil {
		return fail(headerSequence, err)
	}
	if r.Appended, err = time.Parse(timeLayout, header.Get(headerTime)); err != nil {
		return fail(headerTime, err)
	}
	previous := header.Get(headerPrevious)
	if len(previous) != 2*len(r.Previous) {
		return fail(headerPrevious, errMissing)
	}
	if _, err = hex.Decode(r.Previous[:], []byte(previous)); err != nil {
		return fail(headerPrevious, err)
	}
	return r, source[2], nil
}
