package extract

import (
	"context"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func BenchmarkApply(b *testing.B) {
	for name, c := range map[string]struct {
		pointer, body string
		where         map[string]Match
	}{
		"ticker":         {"/result/XXBTZUSD/c/0", `{"error":[],"result":{"XXBTZUSD":{"a":["43218.6","1","1.0"],"b":["43218.5","2","2.0"],"c":["43218.55","0.1"]}}}`, nil},
		"100knumbers":    {"/99999", "[" + strings.Repeat("1,", 99_999) + "1]", nil},
		"chosen of 1000": {"/*/price", "[" + strings.Repeat(`{"symbol":"ETHUSD","price":"2301.10"},`, 999) + `{"symbol":"BTCUSD","price":"43218.55"}]`, map[string]Match{"/*/symbol": MatchText("BTCUSD")}},
	} {
		b.Run(name, func(b *testing.B) {
			x, err := New(Rules{"s": {"": {Pointer: c.pointer, Where: c.where}}})
			if err != nil {
				b.Fatal(err)
			}
			call := dodona.Call{Readings: []dodona.Reading{reading(c.body)}}
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				result, err := x.Apply(context.Background(), call)
				if err != nil || result.Points[0].Quality != dodona.Good {
					b.Fatal(result, err)
				}
			}
		})
	}
}
