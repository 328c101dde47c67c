package source

import (
	"context"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/redact"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// giveUp drops a batch that the journal can never take, so that the source goes on. It is not acknowledged, and what was
// asked for is asked again. The error is of the exchange, which may well succeed next time.
func (p *Pump) giveUp(batch dodona.Batch, cause error) error {
	n := len(batch.Readings)
	p.pending = nil
	p.mu.Lock()
	if p.doing != nil && p.want == nil {
		p.want = p.asking // still wanted
	}
	p.doing = nil
	p.countDropped(uint64(n), "the journal can never take them: "+cause.Error())
	p.mu.Unlock()
	// Fault (dropped): readings are larger than the journal takes.
	return fmt.Errorf("dropped %s, which the journal can never take: %s", unit.Count(n, "reading"), cause) // not %w: it is over
}

// dropped counts what a source says that it gave up.
func (p *Pump) dropped(n uint64, cause string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countDropped(n, cause)
}

// maxCause is how long the reason is, in bytes, that is kept of what was dropped: it may quote what a stranger sent.
const maxCause = 512

// waste says how much was dropped since something of use came, and why the last of it was: "" if nothing was. The caller holds mu.
func (p *Pump) waste() string {
	n := p.status.Dropped - p.wasted
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s dropped, the last: %s", was(n), p.lastDrop())
}

// strange takes out of what a stranger sent what looks like a secret.
var strange = redact.New()

// lastDrop returns why readings were last dropped, as it may be shown: it is looked through once somebody asks, since in a flood each reading
// has its own. The caller holds mu.
func (p *Pump) lastDrop() string {
	if p.dropCause != "" {
		p.status.LastDrop, _ = strange.Text(p.dropCause)
		p.dropCause = ""
	}
	return p.status.LastDrop
}

// was is n readings with their verb.
func was(n uint64) string {
	if n == 1 {
		return "1 reading was"
	}
	return unit.Count(n, "reading") + " were"
}

// countDropped counts and, at powers of two so that the log stays bounded, says what was given up. The caller holds mu.
func (p *Pump) countDropped(n uint64, cause string) {
	before := p.status.Dropped
	p.status.Dropped += n
	p.status.DropTime = p.cfg.Now()
	p.dropCause = plain.Line(cause, maxCause)
	p.untold += n
	poke(p.lost)
	p.cfg.Recorder.Count(telemetry.SourceDropped.Of(p.cfg.Name), n)
	if next := nextPowerOfTwo(before); p.status.Dropped >= next {
		p.cfg.Log.Warn(fmt.Sprintf("%s: dropped %s so far: %s", p.cfg.Name, unit.Count(p.status.Dropped, "reading"), p.lastDrop()), "source", p.cfg.Name)
	}
}

// tellLost tells of what was dropped, until ctx ends.
func (p *Pump) tellLost(ctx context.Context) {
	for {
		select {
		case <-p.lost:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		n, cause := p.untold, p.lastDrop()
		p.untold = 0
		p.mu.Unlock()
		if n > 0 && p.cfg.Lost != nil {
			p.cfg.Lost(ctx, n, cause)
		}
	}
}

func nextPowerOfTwo(n uint64) uint64 {
	next := uint64(1)
	for next <= n && next < 1<<63 {
		next *= 2
	}
	return next
}
