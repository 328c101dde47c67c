package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The last claim, answer and anchor of each key outlive retention: they are the locks that keep two answers of one round
// apart, and no age makes them safe to forget (docs/decisions/047).

const (
	carryRoom    = 1 << 20   // that is carried before something is freed again
	carryRecords = 64        // that the lane writes again between two flushes
	carryBytes   = 256 << 10 // likewise, unless one is larger
	askSubjects  = 512       // of one question; the server answers up to 1,024
	askBytes     = 32 << 10  // of their names
)

// A last is where the last record of a shared subject stands.
type last struct {
	subject string
	place   uint64
	size    int // about, on the disk
}

// lasts returns the last records of shared subjects that stand before a place, in order. What the lane remembers needs no
// question, and what is asked is remembered, so that a try which is cut short has not been in vain.
func (l *lane) lasts(ctx context.Context, before uint64) ([]last, error) {
	var list []last
	for _, topic := range l.spec.topics {
		if !shared(topic) {
			continue
		}
		info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(l.j.net.topic(topic)))
		if err != nil {
			return nil, fmt.Errorf("list subjects: %w", err)
		}
		for subject := range info.State.Subjects {
			list = append(list, last{subject: subject})
		}
	}
	var unknown []string
	if err := l.visit(ctx, func() {
		for i := range list {
			known := l.seen[list[i].subject]
			list[i].place, list[i].size = known.place, known.size
			if known.place == 0 {
				unknown = append(unknown, list[i].subject)
			}
		}
	}); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(f last) bool { return f.place == 0 || f.place >= before })
	for part := range questions(unknown) {
		found, err := l.lastOf(ctx, part)
		if err != nil {
			return nil, err
		}
		if err := l.learnPlaces(ctx, found); err != nil {
			return nil, err
		}
		for _, s := range found {
			if s.stream < before {
				list = append(list, last{l.subjectOf(s.Record), s.stream, sizeOnDisk(s.Record)})
			}
		}
	}
	slices.SortFunc(list, func(a, b last) int { return cmp.Compare(a.place, b.place) })
	return list, nil
}

// learnPlaces gives the lane what was found in the store, unless it knows better by now.
func (l *lane) learnPlaces(ctx context.Context, found []stored) error {
	return l.visit(ctx, func() {
		l.forget()
		for _, s := range found {
			if subject := l.subjectOf(s.Record); s.stream > l.seen[subject].place {
				l.seen[subject] = l.seenAt(s.Record, s.stream)
			}
		}
	})
}

func sizeOnDisk(r dodona.Record) int { return len(r.Body) + len(r.Key) + headersOnBusAllowance/2 }

// planCut returns where to cut, at least at wanted, so that at least as much is freed for good as is written again, and
// the last records before it, with their size. It goes no further than s.cut.
func planCut(s space, wanted uint64, lasts []last) (cut uint64, carried []last, bytes uint64) {
	net := s.share(wanted - s.first)
	mean := max(s.share(1), 1)
	cut = wanted
	for {
		carried, bytes = nil, 0
		for i, f := range lasts {
			if f.place >= cut {
				break
			}
			carried, bytes = lasts[:i+1], bytes+uint64(f.size)
		}
		enough := max(net, bytes) + bytes
		if cut >= s.cut || s.share(cut-s.first) >= enough {
			return cut, carried, bytes
		}
		cut = min(s.cut, max(cut+1, s.first+enough/mean+1))
	}
}

func sizeOfAll(list []last) (bytes uint64) {
	for _, f := range list {
		bytes += uint64(f.size)
	}
	return bytes
}

// firstOf returns the first of list that together are within most bytes, at least one, and their size.
func firstOf(list []last, most uint64) ([]last, uint64) {
	var bytes uint64
	for i, f := range list {
		if i > 0 && bytes+uint64(f.size) > most {
			return list[:i], bytes
		}
		bytes += uint64(f.size)
	}
	return list, bytes
}

// tooSmall says that the last records alone take so much that rewriting them would be all the stream does.
func (l *lane) tooSmall(keys int, bytes uint64) string {
	need := (4*bytes + uint64(unit.MiB) - 1) / uint64(unit.MiB)
	return fmt.Sprintf("the last claims and answers of %d keys take %s of its %s, and are kept: set journal.%s.bytes to at least %dMiB",
		keys, sizeOf(bytes), l.bounds().Bytes, l.setting(), need)
}

// carryOver writes last records again at the end of the stream, if they are still the last of their subjects.
func (l *lane) carryOver(ctx context.Context, s *space, list []last) error {
	for len(list) > 0 {
		part, size := firstOf(list[:min(len(list), carryRecords)], carryBytes)
		list = list[len(part):]
		subjects := make([]string, len(part))
		for i, f := range part {
			subjects[i] = f.subject
		}
		found, err := l.lastOf(ctx, subjects)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(f stored) bool { return f.stream > part[len(part)-1].place })
		var failed error
		if err := l.visit(ctx, func() {
			if failed = l.makeRoom(ctx, s, size); failed == nil {
				failed = l.rewrite(found)
			}
		}); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// rewrite appends records that are in the stream already. It runs in the lane.
func (l *lane) rewrite(found []stored) error {
	for range maxRaces {
		recs := make([]dodona.Record, 0, len(found))
		bytes := 0
		for _, s := range found {
			subject := l.subjectOf(s.Record)
			if l.seen[subject].place > s.stream {
				continue // there is a newer one
			}
			l.seen[subject] = l.seenAt(s.Record, s.stream)
			recs, bytes = append(recs, s.Record), bytes+sizeOnDisk(s.Record)
		}
		if len(recs) == 0 {
			return nil
		}
		p := &pending{recs: recs, again: true, done: make(chan error, 1)}
		p.state.Store(flying)
		rest, err := l.fly(l.chain([]*pending{p}))
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			continue // somebody else wrote at the same time, and what the lane remembers says where
		}
		if err := <-p.done; err != nil {
			return err
		}
		l.mu.Lock()
		l.stat.Carried += uint64(len(recs))
		l.mu.Unlock()
		l.j.cfg.Recorder.Count(telemetry.JournalCarried.Of(l.spec.name), uint64(len(recs)))
		return nil
	}
	return errors.New("somebody else writes at the same time again and again")
}

// maxRaces is how often somebody may write in between before the next turn of retention goes on.
const maxRaces = 8

// questions yields subjects in groups that one question can name.
func questions(subjects []string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(subjects) > 0 {
			n, bytes := 0, 0
			for n < len(subjects) && n < askSubjects && (n == 0 || bytes+len(subjects[n]) <= askBytes) {
				bytes += len(subjects[n]) + len(`"",`)
				n++
			}
			if !yield(subjects[:n]) {
				return
			}
			subjects = subjects[n:]
		}
	}
}

// lastOf returns the last record of each of a few subjects, of those that have one. One that cannot be read is an error: it
// is a lock, and neither can be written again nor go.
func (l *lane) lastOf(ctx context.Context, subjects []string) ([]stored, error) {
	wanted := make(map[string]bool, len(subjects))
	for _, subject := range subjects {
		wanted[subject] = true
	}
	var found []stored
	for len(wanted) > 0 {
		page, more, err := l.lastPage(ctx, subjects)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			delete(wanted, l.subjectOf(s.Record))
		}
		found = append(found, page...)
		if !more || len(page) == 0 {
			break
		}
		subjects = slices.DeleteFunc(slices.Clone(subjects), func(s string) bool { return !wanted[s] })
	}
	for subject := range wanted { // the replica that was asked may lag behind; the leader knows
		s, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true})
		if errors.Is(err, dodona.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read last record of %s: %w", subject, err)
		}
		found = append(found, s)
	}
	return found, nil
}

// lastPage asks for the last records of subjects, and gets as many as a page has; more says whether there are others.
func (l *lane) lastPage(ctx context.Context, subjects []string) (page []stored, more bool, err error) {
	ctx, cancel := l.j.question(ctx)
	defer cancel()
	request, _ := json.Marshal(struct {
		Last     []string `json:"multi_last"`
		MaxBytes int      `json:"max_bytes"`
	}{subjects, pageBytes})
	inbox, err := l.j.nc.SubscribeSync(nats.NewInbox())
	if err != nil {
		return nil, false, fmt.Errorf("ask stream %s: %w", l.spec.name, err)
	}
	defer func() { _ = inbox.Unsubscribe() }()
	if err := l.j.nc.PublishRequest("$JS.API.DIRECT.GET."+l.streamName, inbox.Subject, request); err != nil {
		return nil, false, fmt.Errorf("ask stream %s: %w", l.spec.name, err)
	}
	for {
		msg, err := inbox.NextMsgWithContext(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("ask stream %s: %w", l.spec.name, bus.Unanswered(ctx, err))
		}
		switch msg.Header.Get("Status") {
		case "404":
			return page, false, nil
		case "204":
			return page, msg.Header.Get("Nats-Num-Pending") != "0", nil
		}
		s, err := storedOf(msg)
		if err != nil {
			return nil, false, fmt.Errorf("read last record: %w", err)
		}
		page = append(page, s)
	}
}
