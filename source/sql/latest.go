package sql

import (
	"context"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// latest is a query whose rows are the latest each time.
type latest struct{ *reader }

// Observe asks the query once, and returns its rows.
func (l *latest) Observe(ctx context.Context) (b dodona.Batch, err error) {
	began := l.env.Now()
	var readings []dodona.Reading
	err = l.exchange(ctx, func(ctx context.Context) (err error) {
		readings, err = l.rows(ctx)
		return err
	})
	if err != nil {
		return b, err
	}
	if len(readings) == 0 {
		return b, fmt.Errorf("SELECT from %s: it gave no row", l.place())
	}
	l.detail(readings, began)
	return dodona.Batch{Readings: readings}, nil
}

func (l *latest) rows(ctx context.Context) (readings []dodona.Reading, err error) {
	text := l.query
	if l.dialect.Limit {
		text = fmt.Sprintf("SELECT * FROM (%s\n) AS dodona_rows LIMIT %d", l.query, l.settings.Limit+1)
	}
	var made *shape
	var fault error
	rows, bytes := 0, 0
	err = l.run(ctx, text, nil, func(columns []session.Column, row []session.Value) bool {
		if made == nil {
			if made, fault = l.shapeOf(columns); fault != nil {
				return false
			}
		}
		if rows++; rows > l.settings.Limit {
			// Fault (exchange): a query gives more rows than limit.
			fault = fmt.Errorf("%w: it gives more than %d rows (limit), so which are the latest is not known: let it end in ORDER BY and LIMIT, or raise limit", errQuery, l.settings.Limit)
			return false
		}
		reading, size, fits := made.reading(row)
		if !fits {
			l.tooLarge(size)
			return true
		}
		if bytes += size; bytes > int(largestPoll) {
			fault = fmt.Errorf("%w: its rows are more than %s together; name the columns that matter", errQuery, largestPoll)
			return false
		}
		readings = append(readings, reading)
		return true
	})
	if fault != nil {
		l.drop() // rows may still be on their way
		return nil, fault
	}
	return readings, err
}

func (r *reader) tooLarge(size int) {
	// Fault (dropped): a row is larger than max_row.
	r.env.Dropped(1, fmt.Sprintf("a row of %s is larger than max_row (%s)", unit.About(int64(size)), r.settings.MaxRow))
}
