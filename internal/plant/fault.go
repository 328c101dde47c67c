package plant

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Fault is what a device suffers.
type Fault string

// The faults.
const (
	Plug   Fault = "plug"   // none: it is as it should be
	Unplug Fault = "unplug" // it falls silent, and connections to it are cut
	Freeze Fault = "freeze" // it takes connections and requests, and answers none of them until it is mended
	Slow   Fault = "slow"   // each answer is late
	Lie    Fault = "lie"    // its values are out of any range, or of bad quality where the protocol has one
)

// Faults returns all faults, with Plug, which mends them.
func Faults() []Fault { return []Fault{Unplug, Freeze, Slow, Lie, Plug} }

var meanings = map[Fault]string{
	Plug:   "it is as it should be",
	Unplug: "it falls silent, and connections to it are cut",
	Freeze: "it takes connections and requests, and answers none",
	Slow:   "each answer comes 3 s late",
	Lie:    "its values are out of any range, or of bad quality where the protocol has one",
}

// Meaning says what a fault does, for people.
func (f Fault) Meaning() string { return meanings[f] }

// An Order is a fault that somebody wants, perhaps later, perhaps for some time.
type Order struct {
	Fault Fault
	Name  string // of a device, or of a protocol
	After time.Duration
	For   time.Duration // 0: until another order
}

const orderForm = "want such as: unplug boiler, or: freeze flow after 20s for 1m"

// ParseOrder reads an order as people write it: a fault, a name, and "after" and "for" with a time.
func ParseOrder(text string) (Order, error) {
	const most = 24 * time.Hour
	words := strings.Fields(text)
	if len(words) < 2 || len(words)%2 != 0 {
		return Order{}, fmt.Errorf("%s is no order; %s", plain.Quote(text, 60), orderForm)
	}
	o := Order{Fault: Fault(words[0]), Name: words[1]}
	if !slices.Contains(Faults(), o.Fault) {
		return Order{}, fmt.Errorf("no fault is called %s: want one of %s", plain.Quote(words[0], 30), listed(Faults()))
	}
	for i := 2; i < len(words); i += 2 {
		d, err := unit.ParseDuration(words[i+1])
		if err == nil && (d < 0 || d > most) {
			err = errors.New("want 0s to 24h")
		}
		if err != nil {
			return Order{}, fmt.Errorf("%s %s: %w", words[i], plain.Quote(words[i+1], 30), err)
		}
		switch {
		case words[i] == "after" && o.After == 0:
			o.After = d
		case words[i] == "for" && o.For == 0 && o.Fault != Plug:
			o.For = d
		default:
			return Order{}, fmt.Errorf("%s: %s", plain.Quote(words[i], 30), orderForm)
		}
	}
	return o, nil
}

func listed[T ~string](of []T) string {
	words := make([]string, len(of))
	for i, w := range of {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}
