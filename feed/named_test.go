package feed

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A teller makes a point of each reading, called by its item, and may or may not tell so before.
type teller struct{}

func (teller) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	for _, reading := range c.Readings {
		if value, err := dodona.ParseDecimal(string(reading.Body)); err == nil {
			r.Points = append(r.Points, dodona.Point{ID: reading.Source + "." + reading.Item, Value: value, Time: reading.Received, Quality: dodona.Good})
		}
	}
	return r, nil
}

type telling struct{ teller }

func (telling) May(r dodona.Reading, point string) bool { return r.Source+"."+r.Item == point }

// TestReadingsAreNamedWhereTheyMayCount asks for two points of one source, of which a third reading is nobody's.
func TestReadingsAreNamedWhereTheyMayCount(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	var readings []dodona.Reading
	for i, item := range []string{"a", "b", "other"} {
		readings = append(readings, dodona.Reading{Source: "s", Item: item, Body: fmt.Append(nil, i), Received: at, Quality: dodona.Good})
	}
	doc, err := NewDocument("f", Settings{From: []string{"s.a", "s.b"}, Every: time.Second}.WithDefaults(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		by   dodona.Transform
		want [][]string
	}{
		{"a transform that tells", telling{}, [][]string{{"a", "other"}, {"b"}}},
		{"one in a feed", struct {
			teller
			may
		}{may: followed{transform: telling{}}.May}, [][]string{{"a", "other"}, {"b"}}},
		{"one that does not tell", teller{}, [][]string{{"a", "b", "other"}, {"a", "b", "other"}}},
	} {
		b := Compute(t.Context(), doc, c.by, Material{Round: dodona.Round(at.UnixMilli()), Readings: readings})
		for i, in := range b.Inputs {
			var items []string
			for _, ref := range in.Readings {
				items = append(items, ref.Item)
			}
			if !slices.Equal(items, c.want[i]) {
				t.Errorf("%s: %s names %q, want %q", c.name, in.Point, items, c.want[i])
			}
		}
		if len(b.Inputs) != 2 {
			t.Errorf("%s: %d inputs, want 2", c.name, len(b.Inputs))
		}
	}
}

// may tells as a function does.
type may func(r dodona.Reading, point string) bool

func (m may) May(r dodona.Reading, point string) bool { return m(r, point) }
