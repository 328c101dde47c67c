package evm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// usualTips says how many times the highest usual tip may be paid before it counts as absurd.
const usualTips = 4

// tip returns what is paid to whoever makes the block: what the node suggests, within what is usual, and no less than what the pool was
// heard to take; never more than max_tip and max_fee.
func (m *machine) tip(v view) uint64 {
	tip := max(min(v.Tip, m.usualMost(v)), m.leastTip)
	if m.maxTip > 0 {
		tip = min(tip, m.maxTip)
	}
	return min(tip, m.maxFee)
}

// usualMost returns the most that a tip is believed to have to be.
func (m *machine) usualMost(v view) uint64 {
	most := m.maxFee / 100
	switch {
	case m.maxTip > 0:
		return m.maxTip
	case len(v.Tips) > 0:
		most = max(most, min(slices.Max(v.Tips), m.maxFee/usualTips)*usualTips)
	}
	return most
}

// price returns tip and cap of a new transaction; false: they are above what is allowed. Of a chain without EIP-1559 both are the price.
func (m *machine) price(v view) (tip, feeCap uint64, ok bool) {
	tip = m.tip(v)
	if m.legacy {
		tip = max(min(v.Tip, m.maxFee), m.leastTip)
	}
	if v.Head.BaseFee > m.maxFee || tip > m.maxFee-v.Head.BaseFee {
		m.fees = true
		return 0, 0, false
	}
	if m.legacy {
		return tip, tip, true
	}
	// Twice the base fee: it can rise by an eighth with every block, so this lasts for six full ones.
	return tip, min(m.maxFee, 2*v.Head.BaseFee+tip), true
}

// dear says what of the price stands in the way.
func (m *machine) dear(v view) string {
	if m.tipWanted > 0 {
		return fmt.Sprintf("a tip of %s is wanted, above max_tip, %s; transactions wait", Price(m.tipWanted), Price(m.maxTip))
	}
	return fmt.Sprintf("the base fee of %s and a tip of %s are above max_fee, %s; transactions wait", Price(v.Head.BaseFee), Price(m.tip(v)), Price(m.maxFee))
}

// How long the least tip of a pool is remembered: pools change. One that is above what may be paid stops everything on the word of one
// endpoint, so the pool is asked again before long.
const (
	leastTipFor = 6 * time.Hour
	tooDearFor  = 15 * time.Minute
)

// leastAmount finds the numbers that a message calls the least that is taken, not those inside a hash.
var leastAmount = regexp.MustCompile(`\b(?:needed|minimum|least|want|required)\b[^0-9]{0,24}\b([0-9]+(?:\.[0-9]+)?)\s*(gwei)?\b`)

// learnTip remembers what a pool says that it takes at least, in wei for each unit of gas, in a message such as "gas tip cap 1000000000,
// minimum needed 25000000000" (geth) or "tip needed 25000000000, tip permitted 1000000000" (bor).
func (m *machine) learnTip(now time.Time, message string) {
	if !mentions(message, "tip", "priority", "minimum") || mentions(message, "base fee", "basefee") {
		return
	}
	for _, found := range leastAmount.FindAllStringSubmatch(strings.ToLower(message), 8) {
		unit := "wei"
		if found[2] != "" {
			unit = found[2]
		}
		var n Price
		if err := n.UnmarshalText([]byte(found[1] + unit)); err == nil && uint64(n) > m.leastTip && uint64(n) < mostWei {
			m.leastTip, m.leastTipAt = uint64(n), now
		}
	}
}

// mostWei is the most that a message about prices is believed to mean by a number.
const mostWei = 1_000_000 * uint64(gwei)

// forgetTip lets go of a least tip after a while.
func (m *machine) forgetTip(now time.Time, baseFee uint64) {
	kept := leastTipFor
	if baseFee > m.maxFee || m.leastTip > m.maxFee-baseFee || m.maxTip > 0 && m.leastTip > m.maxTip || m.compared && m.leastTip > m.usual {
		kept = tooDearFor
	}
	if now.Sub(m.leastTipAt) > kept {
		m.leastTip = 0
	}
}

// doubtTip lets go of a least tip that was no such thing: a block has an attempt that pays less.
func (m *machine) doubtTip(i *Intent, tx dodona.Digest) {
	for _, a := range i.Attempts {
		if a.Hash == tx && a.Tip < m.leastTip {
			m.leastTip = 0
		}
	}
}
