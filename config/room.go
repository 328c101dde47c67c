package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/journal"
)

// Sizes that depend on each other: what feeds write in a round and how much the stream of proofs takes; how large an
// exchange may be and how much of one the stream of readings takes at once.

const (
	// roundSize is what a round takes in the stream of proofs: an observation, two claims and an answer, with their headers.
	roundSize = 4 * unit.KiB
	// observedSize is the part of it that an observer writes: an observation and its claim.
	observedSize = 1600
	// roundShare is the part of the stream that one round of all feeds may take: they are on their way together.
	roundShare = 8
	// awayFor is how long a validator in another process may be away before observations wait.
	awayFor = time.Minute
)

func (l *loader) checkRoom() {
	l.checkProof()
	for _, s := range l.config.Sources {
		l.checkRaw(s)
	}
}

// checkProof compares the feeds with the stream of proofs.
func (l *loader) checkProof() {
	const setting = "journal.proof.bytes"
	feeds, have := len(l.config.Feeds), l.config.Journal.Proof.Bytes
	if need := unit.Size(feeds) * roundSize * roundShare; need > have {
		l.at(setting, "%s is too small for %d feeds: a round of one takes about %s, and one of all, %s, may take an eighth of the stream at most: want at least %dMiB",
			have, feeds, roundSize, wholeKiB(unit.Size(feeds)*roundSize), wholeMiB(need))
		return
	}
	roles := l.config.Roles
	if !slices.Contains(roles, Observe) || slices.Contains(roles, Validate) {
		return
	}
	perSecond := 0.0
	for _, f := range l.config.Feeds {
		if f.Settings.Every > 0 {
			perSecond += observedSize / f.Settings.Every.Seconds()
		}
	}
	readers := 2 // the validator and who serves; other processes may have more
	if slices.Contains(roles, Deliver) {
		readers += len(l.config.Sinks)
	}
	mark := unit.Size(journal.Mark(uint64(have), readers))
	if lasts := time.Duration(float64(mark) / max(perSecond, 1) * float64(time.Second)); lasts < awayFor {
		place := l.placeOf(setting)
		l.report.Warn(place, "", fmt.Sprintf("%s: %s: observations of these feeds take about %s a second, and wait when %s of the stream, which %d read, are not yet validated: that is after %s without a validator",
			setting, have, wholeKiB(unit.Size(perSecond)), wholeKiB(mark), readers, unit.FormatDuration(lasts.Truncate(time.Second))),
			fmt.Sprintf("%dMiB are enough for %s", wholeMiB(unit.Size(perSecond*awayFor.Seconds()*float64(have)/float64(mark))), unit.FormatDuration(awayFor)))
	}
}

// checkRaw compares the largest exchange of a source with the stream of readings.
func (l *loader) checkRaw(s Source) {
	sized, ok := s.Settings.(interface{ Largest() unit.Size })
	if !ok {
		return
	}
	largest, have := sized.Largest(), l.config.Journal.Raw.Bytes
	record := RecordOf(largest)
	if record <= have/2 {
		return
	}
	place := l.place(s.Name)
	l.report.Warn(place, "source "+strict.Quote(s.Name), fmt.Sprintf("an exchange may bring %s, a record of about %s, and the journal takes half of journal.raw.bytes (%s) at once: a larger one is dropped",
		largest, wholeKiB(record), have),
		fmt.Sprintf("set journal.raw.bytes to at least %dMiB, or allow the source less", wholeMiB(2*record)))
}

// RecordOf returns about how large the record of an exchange is whose readings have so many bytes: they are base64 in JSON.
func RecordOf(bytes unit.Size) unit.Size { return bytes/3*4 + 64*unit.KiB }

func wholeMiB(s unit.Size) int64 { return int64((s + unit.MiB - 1) / unit.MiB) }

func wholeKiB(s unit.Size) string { return fmt.Sprintf("%dKiB", int64(s/unit.KiB)) }

// place returns where a source stands in the file.
func (l *loader) place(source string) *strict.Span {
	sources, at := l.path("sources")
	if sources == nil {
		return at
	}
	_, at = sources.Child(source)
	return at
}
