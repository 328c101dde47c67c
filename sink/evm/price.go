package evm

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// usualTips says how many times the highest usual tip may be paid before it counts as absurd.
const usualTips = 4

// tip returns what is paid to whoever makes the block: what the node suggests, within what is usual, and no less than what the pool was
// heard to take; never more than max_tip and max_fee.
func (m *machine) tip(v view) uint64 {
	tip := max(m.suggested(v), m.leastTip)
	if m.maxTip > 0 {
		tip = min(tip, m.maxTip)
	}
	return min(tip, m.maxFee)
}

// suggested returns what the node suggests, within what is usual or allowed.
func (m *machine) suggested(v view) uint64 { return min(v.Tip, m.usualMost(v)) }

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

// An endpoint that suggests several times what the least of the last transactions in blocks paid, or a good part of max_fee if there were none yet, is
// doubted: the history that bounds what it suggests is of its own making too.
const (
	mostPaid    = 32 // of these transactions
	dearAtFirst = 20 // such a part of max_fee
)

// dearTip returns the tip above which another endpoint is asked.
func (m *machine) dearTip() uint64 {
	if len(m.paid) == 0 {
		return m.maxFee / dearAtFirst
	}
	return max(m.maxFee/100, min(slices.Min(m.paid), m.maxFee/usualTips)*usualTips)
}

// pay notes what a transaction paid that is in a block.
func (m *machine) pay(i *Intent, tx dodona.Digest) {
	at := slices.IndexFunc(i.Attempts, func(a Attempt) bool { return a.Hash == tx })
	if at >= 0 {
		m.paid = append(m.paid, i.Attempts[at].Tip)
		m.paid = m.paid[max(0, len(m.paid)-mostPaid):]
	}
}

// price returns tip and cap of a new transaction; false: they are above what is allowed. Of a chain without EIP-1559 both are the price.
func (m *machine) price(st *step) (tip, feeCap uint64, ok bool) {
	tip = m.tip(st.view)
	if st.view.Head.Legacy {
		tip = max(min(st.view.Tip, m.maxFee), m.leastTip)
	}
	if st.view.Head.BaseFee > m.maxFee || tip > m.maxFee-st.view.Head.BaseFee {
		st.fees = true
		return 0, 0, false
	}
	if st.view.Head.Legacy {
		return tip, tip, true
	}
	// Twice the base fee: it can rise by an eighth with every block, so this lasts for six full ones.
	return tip, min(m.maxFee, 2*st.view.Head.BaseFee+tip), true
}

// dear says what of the price stands in the way.
func (m *machine) dear(st *step) string {
	if st.tipWanted > 0 {
		return fmt.Sprintf("a tip of %s is wanted, above max_tip, %s; transactions wait", Price(st.tipWanted), Price(m.maxTip))
	}
	if tip := m.tip(st.view); st.view.Head.BaseFee <= m.maxFee && tip <= m.maxFee-st.view.Head.BaseFee {
		return fmt.Sprintf("no block has the transactions of %s from nonce %d on, though they pay up to max_fee, %s, where the base fee is %s and a tip is %s: "+
			"an endpoint counts them wrong or keeps them to itself; name another one", m.sender, m.expected(), Price(m.maxFee), Price(st.view.Head.BaseFee), Price(tip))
	}
	return fmt.Sprintf("the base fee of %s and a tip of %s are above max_fee, %s; transactions wait", Price(st.view.Head.BaseFee), Price(m.tip(st.view)), Price(m.maxFee))
}

// How long the least tip of a pool is remembered: pools change. One that is above what may be paid stops everything on the word of one
// endpoint, so the pool is asked again before long.
const (
	leastTipFor = 6 * time.Hour
	tooDearFor  = 15 * time.Minute
)

// leastAmount finds the numbers that a message calls the least that is taken, in hex too, not those inside a hash; moreThanTip the
// one that a tip is said to be below.
var (
	leastAmount = regexp.MustCompile(`\b(?:needed|minimum|least|want|required|floor)\b[^0-9]{0,24}\b(0x[0-9a-f]{1,13}|[0-9]+(?:\.[0-9]+)?)\s*(gwei)?\b`)
	moreThanTip = regexp.MustCompile(`\b(?:tip|priority)[^<]*<[^0-9<]{0,24}([0-9]+)\b()`)
)

// learnTip remembers what a pool says that it takes at least, in wei for each unit of gas, in a message such as "gas tip cap 1000000000,
// minimum needed 25000000000" (geth) or "tip needed 25000000000, tip permitted 1000000000" (bor).
func (m *machine) learnTip(now time.Time, message string) {
	if n := leastIn(message); n > m.leastTip {
		m.leastTip, m.leastTipAt = n, now
	}
}

// leastIn returns the least tip that a message asks for; 0 if it asks for none.
func leastIn(message string) (least uint64) {
	if !mentions(message, "tip", "priority", "minimum") || mentions(message, "base fee", "basefee") {
		return 0
	}
	message = strings.ToLower(message)
	all := leastAmount.FindAllStringSubmatch(message, 8)
	if wantsMore(message) {
		all = append(all, moreThanTip.FindAllStringSubmatch(message, 1)...)
	}
	for _, found := range all {
		if n := amountIn(found[1], found[2]); n < mostWei {
			least = max(least, n)
		}
	}
	return least
}

// amountIn returns what a number in a unit is in wei, 0 if it is none.
func amountIn(number, unit string) uint64 {
	if digits, hex := strings.CutPrefix(number, "0x"); hex {
		n, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			return 0
		}
		number = strconv.FormatUint(n, 10)
	}
	var n Price
	if err := n.UnmarshalText([]byte(number + cmp.Or(unit, "wei"))); err != nil {
		return 0
	}
	return uint64(n)
}

// wantsMore reports whether a message says that a pool wants more than it was offered, and not that another transaction, or the block, does.
func wantsMore(message string) bool {
	return !mentions(message, "replacement", "base fee", "basefee", "fee cap less")
}

// mostWei is the most that a message about prices is believed to mean by a number.
const mostWei = 1_000_000 * uint64(gwei)

// forgetTip lets go of a least tip after a while.
func (m *machine) forgetTip(now time.Time, v view) {
	kept, baseFee := leastTipFor, v.Head.BaseFee
	if baseFee > m.maxFee || m.leastTip > m.maxFee-baseFee || m.maxTip > 0 && m.leastTip > m.maxTip || len(v.Tips) > 0 && m.leastTip > m.usualMost(v) { // it is known what others pay
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
