package coap

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// A poller reads every resource once for each instant.
type poller struct {
	*client
	known map[string]representation // by item, of the answers that have an ETag
}

// Observe makes one exchange. A resource that the device refuses is a bad reading beside others; alone it is an error.
func (p *poller) Observe(ctx context.Context) (dodona.Batch, error) {
	inside, stop := p.until(ctx)
	defer stop()
	begun := p.env.Now()
	if err := p.connect(inside); err != nil {
		return dodona.Batch{}, p.failure(ctx, err)
	}
	limited, cancel := context.WithTimeout(inside, p.settings.Timeout)
	defer cancel()
	var readings []dodona.Reading
	var first error
	good := 0
	turn := p.inTurn()
	for i, r := range turn {
		got, err := p.read(limited, r)
		switch {
		case p.hung(r, err) && good > 0:
			err = p.failure(ctx, err)
		case mattersToLink(err):
			p.disconnect()
			if err = p.failure(ctx, err); good == 0 {
				return dodona.Batch{}, err
			}
			for _, rest := range turn[i:] {
				readings = append(readings, p.bad(rest, err))
			}
			return dodona.Batch{Readings: readings}, nil
		}
		if err != nil {
			readings = append(readings, p.bad(r, err))
			first = cmp.Or(first, err)
			continue
		}
		good++
		readings = append(readings, p.reading(r, got, "GET", begun))
	}
	if good == 0 {
		return dodona.Batch{}, told(fmt.Errorf("GET %s %w", p.address, first))
	}
	return dodona.Batch{Readings: readings}, nil
}

// inTurn returns the resources, those that hung last.
func (p *poller) inTurn() []*resource {
	turn := slices.Clone(p.resources)
	slices.SortStableFunc(turn, func(a, b *resource) int {
		switch {
		case a.hangs == b.hangs:
			return 0
		case b.hangs:
			return -1
		}
		return 1
	})
	return turn
}

// read returns what one resource says.
func (p *poller) read(ctx context.Context, r *resource) (representation, error) {
	limited, cancel := p.patience(ctx, r)
	defer cancel()
	got, err := p.fetch(limited, r, p.known[r.item])
	delete(p.known, r.item)
	if err == nil && len(got.etag) > 0 {
		p.known[r.item] = got
	}
	return got, err
}
