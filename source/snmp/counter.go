package snmp

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/dodona-oracle/dodona"
)

const (
	sysUpTime = "1.3.6.1.2.1.1.3.0"

	// What the device's clock and ours may differ by, between two exchanges, before its uptime is of another start.
	clockSlack   = 10 * time.Second
	clockPercent = 5

	defaultDecimals = 3 // of a rate
)

// change returns by how much a counter grew since the exchange before, or how fast. It wraps at its size; if the device or the counter began
// anew in between, nobody knows.
func (r rule) change(oid string, h harvest) (d dodona.Decimal, q dodona.Quality, reason string, err error) {
	bad := func(why error) (dodona.Decimal, dodona.Quality, string, error) { return d, dodona.Bad, "", why }
	last, before := h.last[oid], h.before[oid]
	if last.err == nil && last.varbind.tag != tagCounter32 && last.varbind.tag != tagCounter64 {
		if _, gone := missing[last.varbind.tag]; gone {
			return bad(errors.New(missing[last.varbind.tag]))
		}
		return bad(fmt.Errorf("%s is no counter: take it as value", last.varbind.typeName()))
	}
	if before.reading.Received.IsZero() {
		return bad(errors.New("it was read once so far; a counter tells something when it was read twice"))
	}
	now, was, err := counts(last, before)
	if err != nil {
		return bad(err)
	}
	took, sure, err := elapsed(h)
	if err != nil {
		return bad(err)
	}
	if err := r.unbroken(oid, h); err != nil {
		return bad(err)
	}
	grown, err := grownBy(now, was, last.varbind.tag, sure)
	if err != nil {
		return bad(err)
	}
	if !sure {
		q, reason = dodona.Uncertain, "the device does not tell sysUpTime, so whether it was started anew in between is not known"
	}
	if r.As == asRate {
		d, err = perSecond(grown, took, r.Decimals)
	} else {
		d, err = dodona.NewDecimal(grown, 0)
	}
	return d, q, reason, err
}

func counts(last, before sample) (now, was uint64, err error) {
	if before.err != nil {
		return 0, 0, errors.New("in the exchange before it could not be read")
	}
	if before.varbind.tag != last.varbind.tag {
		return 0, 0, fmt.Errorf("it was %s in the exchange before and is %s now", before.varbind.typeName(), last.varbind.typeName())
	}
	if now, err = last.varbind.unsigned(); err == nil {
		was, err = before.varbind.unsigned()
	}
	return now, was, err
}

// elapsed returns the time between two exchanges by the device's own clock, and whether that is known; otherwise by ours.
func elapsed(h harvest) (took time.Duration, sure bool, err error) {
	last, before := h.last[sysUpTime], h.before[sysUpTime]
	if before.reading.Received.IsZero() || last.err != nil || before.err != nil || last.varbind.tag != tagTimeTicks || before.varbind.tag != tagTimeTicks {
		if took = ourTime(h); took <= 0 {
			return 0, false, errors.New("no time passed since the exchange before")
		}
		return took, false, nil
	}
	now, err := last.varbind.unsigned()
	if err != nil {
		return 0, false, err
	}
	was, err := before.varbind.unsigned()
	if err != nil {
		return 0, false, err
	}
	ours := apart(last, before)
	took = time.Duration(uint32(now)-uint32(was)) * 10 * time.Millisecond // it wraps after 497 days
	if off := (took - ours).Abs(); off > clockSlack+ours.Abs()*clockPercent/100 {
		// Fault (point): a device was started anew: how far a counter came is not known.
		return 0, false, errors.New("the device was started anew since the exchange before (sysUpTime), so how far the counter came is not known")
	}
	if took == 0 {
		return 0, false, errors.New("no time passed on the device since the exchange before (sysUpTime)")
	}
	return took, true, nil
}

// ourTime returns the time between two exchanges by when anything of them arrived.
func ourTime(h harvest) (took time.Duration) {
	for oid, before := range h.before {
		took = max(took, apart(h.last[oid], before))
	}
	return took
}

// apart returns how long after one sample another arrived, in milliseconds as evidence has them.
func apart(last, before sample) time.Duration {
	return time.Duration(last.reading.Received.UnixMilli()-before.reading.Received.UnixMilli()) * time.Millisecond
}

// unbroken returns an error if the device says that the counter began anew.
func (r rule) unbroken(oid string, h harvest) error {
	if r.Since == "" {
		return nil
	}
	since := r.sinceOf(oid)
	last, before := h.last[since], h.before[since]
	if before.reading.Received.IsZero() || last.err != nil || before.err != nil {
		return nil // a device need not have it
	}
	if last.varbind.tag != before.varbind.tag || string(last.varbind.value) != string(before.varbind.value) {
		return fmt.Errorf("the counter began anew since the exchange before (%s)", since)
	}
	return nil
}

// sinceOf returns what changes when the counter at oid begins anew.
func (r rule) sinceOf(oid string) string {
	if index, is := below(r.OID, oid); is && r.Key != "" {
		return r.Since + "." + index
	}
	return r.Since
}

// grownBy returns how far a counter came. One of 64 bits wraps in no lifetime unless it stands near its end; a smaller value is another start.
func grownBy(now, was uint64, tag byte, sure bool) (*big.Int, error) {
	if now >= was {
		return new(big.Int).SetUint64(now - was), nil
	}
	switch {
	case !sure:
		return nil, errors.New("the counter went back, and the device does not tell sysUpTime: it wrapped or began anew")
	case tag == tagCounter32:
		return new(big.Int).SetUint64(uint64(uint32(now) - uint32(was))), nil
	case was < 1<<63 || now >= 1<<63:
		// Fault (point): a counter goes back.
		return nil, errors.New("the Counter64 went back, so it began anew")
	}
	return new(big.Int).SetUint64(now - was), nil // modulo 2^64
}

func perSecond(grown *big.Int, took time.Duration, decimals uint8) (dodona.Decimal, error) {
	n, err := dodona.NewDecimal(grown, 0)
	if err != nil {
		return n, err
	}
	seconds, err := dodona.NewDecimal(big.NewInt(int64(took)), 9)
	if err != nil {
		return n, err
	}
	if decimals == 0 {
		decimals = defaultDecimals
	}
	return n.Quo(seconds, decimals)
}
