package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/journal/disk"
)

// records yields the records of the stream in order, from one place to another, both included; those that cannot be
// decoded have the reason in bad. After each page it rests so many times as long as the page took, so that others have
// their turn on a slow machine too. It ends with the stream or with an error.
func (l *lane) records(ctx context.Context, from, to uint64, rest int) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		for at := max(from, 1); at <= to; {
			begun := time.Now()
			page, err := l.page(ctx, query{Seq: at})
			if err != nil {
				yield(stored{}, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, s := range page {
				if s.stream > to || !yield(s, nil) {
					return
				}
			}
			at = page[len(page)-1].stream + 1
			if err := giveWay(ctx, rest, begun); err != nil {
				yield(stored{}, err)
				return
			}
		}
	}
}

// giveWay rests so many times as long as it is since a page was begun.
func giveWay(ctx context.Context, times int, begun time.Time) error {
	if !backoff.Wait(ctx, time.Duration(times)*time.Since(begun)) {
		return context.Cause(ctx)
	}
	return nil
}

// recordsOnDisk is records, read from the blocks of the embedded server without asking it, which costs a quarter.
func (l *lane) recordsOnDisk(ctx context.Context, from, to uint64, rest int) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		begun, n := time.Now(), 0
		for r, err := range disk.Records(filepath.Join(streamsDir(l.j.cfg.Dir), l.streamName)) {
			if err != nil {
				yield(stored{}, fmt.Errorf("read stream %s: %w", l.spec.name, err))
				return
			}
			if r.Place > to || r.Place >= from && !yield(storedOnDisk(r), nil) {
				return
			}
			if n++; n%pageRecords != 0 {
				continue
			}
			if err := giveWay(ctx, rest, begun); err != nil {
				yield(stored{}, err)
				return
			}
			begun = time.Now()
		}
	}
}

func storedOnDisk(r disk.Record) stored {
	if r.Odd != "" {
		return stored{stream: r.Place, bad: errors.New(r.Odd)}
	}
	header, err := nats.DecodeHeadersMsg(r.Headers)
	if err != nil {
		return stored{stream: r.Place, bad: fmt.Errorf("read record: headers: %w", err)}
	}
	record, writer, err := decode(r.Subject, header, r.Body)
	return stored{record, writer, r.Place, err}
}

const (
	pageRecords = 256
	pageBytes   = 512 << 10
)

// page returns records in order from q.Seq on, on q.NextFor alone if that is set, at most q.Batch, or 256, and about
// 512 KiB; none at the end of the stream.
// A record that cannot be decoded has its place and the reason in bad.
func (l *lane) page(ctx context.Context, q query) ([]stored, error) {
	ctx, cancel := l.j.question(ctx)
	defer cancel()
	q.Seq, q.Batch, q.MaxBytes = max(q.Seq, 1), cmp.Or(q.Batch, pageRecords), pageBytes
	request, _ := json.Marshal(q)
	inbox, err := l.j.nc.SubscribeSync(nats.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("ask stream %s: %w", l.spec.name, err)
	}
	defer func() { _ = inbox.Unsubscribe() }()
	if err := l.j.nc.PublishRequest("$JS.API.DIRECT.GET."+l.streamName, inbox.Subject, request); err != nil {
		return nil, fmt.Errorf("ask stream %s: %w", l.spec.name, err)
	}
	var page []stored
	for {
		msg, err := inbox.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask stream %s: %w", l.spec.name, bus.Unanswered(ctx, err))
		}
		switch msg.Header.Get("Status") {
		case "204", "404": // the end of the page, or of the stream
			return page, nil
		}
		s, err := storedOf(msg)
		if err != nil {
			if s.stream == 0 {
				return nil, err
			}
			s.bad = err
		}
		page = append(page, s)
	}
}
