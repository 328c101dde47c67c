package dodona

import "testing"

func TestQualitiesAreWords(t *testing.T) {
	for q, want := range map[Quality]string{Good: "good", Uncertain: "uncertain", Bad: "bad", 3: "quality(3)", 255: "quality(255)"} {
		if q.String() != want {
			t.Errorf("quality %d is written %q, want %q", uint8(q), q, want)
		}
		back := Quality(9)
		err := back.UnmarshalText([]byte(want))
		if q <= Bad && (err != nil || back != q) || q > Bad && (err == nil || back != 9) {
			t.Errorf("%q is read as %d, %v", want, uint8(back), err)
		}
	}
}

func TestPointsAreNamedBySourceAndPoint(t *testing.T) {
	for id, want := range map[string][2]string{"kraken": {"kraken", ""}, "boiler.temperature": {"boiler", "temperature"}, "a.b.c": {"a", "b.c"}} {
		source, point := SplitPointID(id)
		if source != want[0] || point != want[1] || PointID(source, point) != id {
			t.Errorf("%q is %q of %q, which is %q", id, point, source, PointID(source, point))
		}
	}
}
