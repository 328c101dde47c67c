package feed

import (
	"testing"

	"github.com/dodona-oracle/dodona"
)

func BenchmarkAnswer(b *testing.B) {
	f := newFeed(b, Options{Ask: says(map[string]string{"a": "43218.55", "b": "43218.10", "c": "432190.00"})}, func(s *Settings) { s.Outliers = percent(b, "10%") })
	b.ReportAllocs()
	for b.Loop() {
		if bundle := f.Answer(b.Context(), roundNow()); bundle.Value == nil {
			b.Fatal(bundle.Missed)
		}
	}
}

func BenchmarkMedian(b *testing.B) {
	var values []dodona.Decimal
	for _, s := range []string{"43218.55", "43218.10", "432190.00", "43219", "43217.999"} {
		values = append(values, decimal(b, s))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := aggregate(CombineMedian, rationals(values), 8); err != nil {
			b.Fatal(err)
		}
	}
}
