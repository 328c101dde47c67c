package evm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// usualTips says how many times the highest usual tip may be paid before it counts as absurd.
const usualTips = 4

// tip returns what is paid to whoever makes the block: what the node suggests, within what is usual, and no less than what the pool was
// heard to take; never more than max_tip and max_fee.
func (m *machine) tip(v view) uint64 {
	most := m.maxTip
	if most == 0 {
		most = m.maxFee / 100
		if len(v.Tips) > 0 {
			most = max(most, min(slices.Max(v.Tips), m.maxFee/usualTips)*usualTips)
		}
	}
	tip := max(min(v.Tip, most), m.leastTip)
	if m.maxTip > 0 {
		tip = min(tip, m.maxTip)
	}
	return min(tip, m.maxFee)
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

// leastTipFor is how long the least tip of a pool is remembered.
const leastTipFor = 6 * time.Hour

// amounts are numbers that stand by themselves, not those inside a hash.
var amounts = regexp.MustCompile(`\b([0-9]+(?:\.[0-9]+)?)\s*(gwei)?\b`)

// learnTip remembers what a pool says that it takes at least, in wei for each unit of gas: the largest amount of a message such as "gas tip
// cap 1000000000, minimum needed 25000000000" (geth) or "tip needed 25000000000, tip permitted 1000000000" (bor).
func (m *machine) learnTip(now time.Time, message string) {
	if !mentions(message, "tip", "priority", "minimum") || mentions(message, "base fee", "basefee") {
		return
	}
	for _, found := range amounts.FindAllStringSubmatch(strings.ToLower(message), 8) {
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

// forgetTip lets go of a least tip after a while: pools change.
func (m *machine) forgetTip(now time.Time) {
	if now.Sub(m.leastTipAt) > leastTipFor {
		m.leastTip = 0
	}
}
