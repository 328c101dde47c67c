package evm

import (
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatIsHeardAheadOfTheClockIsHeardNow: else a least tip would be paid, and a laggard waited for, until the clock is there.
func TestWhatIsHeardAheadOfTheClockIsHeardNow(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	late := p.now.Add(24 * time.Hour)
	p.leastTipAt, p.behindAt, p.belowAt, p.heard.of["f"], p.open[0].lostAt, p.trouble["rpc"] = late, late, late, &hearing{since: late}, late, trouble{"slow", late}
	p.setClocks(p.now)
	for what, at := range map[string]time.Time{
		"a least tip": p.leastTipAt, "a nonce behind": p.behindAt, "a lower block": p.belowAt, "a hearing": p.heard.of["f"].since,
		"a lost transaction": p.open[0].lostAt, "a trouble": p.trouble["rpc"].Since,
	} {
		if at != p.now {
			t.Errorf("%s is of %s from now", what, at.Sub(p.now))
		}
	}
}

// TestAPauseThatBeganAheadOfTheClockIsNoLongerThanItsReason.
func TestAPauseThatBeganAheadOfTheClockIsNoLongerThanItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*play, *Intent)
		want time.Duration
	}{
		"none":      {func(*play, *Intent) {}, 0},
		"a refusal": {func(_ *play, i *Intent) { i.Refusals = 1 }, refusedMost},
		"a revert":  {func(_ *play, i *Intent) { i.Reverts, i.Refusals = 1, 1 }, retryMost},
		"its turn": {func(p *play, _ *Intent) {
			p.wait = func(string, dodona.Round) time.Duration { return 30 * time.Second }
		}, 30 * time.Second},
	} {
		p := newPlay(sink.Every)
		p.offer(t, 1000)
		i := p.open[0]
		c.set(p, i)
		for _, ahead := range []time.Duration{c.want / 2, c.want, c.want + 1, 24 * time.Hour} {
			i.NotUntil = p.now.Add(ahead)
			p.setClocks(p.now)
			if got := i.NotUntil.Sub(p.now); got != min(ahead, c.want) {
				t.Errorf("%s, %s ahead: it waits for %s, want %s", name, ahead, got, min(ahead, c.want))
			}
		}
	}
}

// TestEveryTimeThatIsNotedIsSet, whatever keeps it: each type says which it has, and none is to be forgotten. What is by another clock, or decides
// nothing, is named here.
func TestEveryTimeThatIsNotedIsSet(t *testing.T) {
	p := newPlay(sink.Every)
	late := p.now.Add(24 * time.Hour)
	fill(reflect.ValueOf(p.machine).Elem(), late)
	p.setClocks(p.now)
	var ahead []string
	times(reflect.ValueOf(p.machine).Elem(), "", func(path string, at time.Time) {
		if at.After(p.now) {
			ahead = append(ahead, path)
		}
	})
	slices.Sort(ahead)
	want := []string{
		".foreign.At",                   // of the last view
		".heard.loneNonce.Clock",        // the chain's, as all of that name
		".heard.loneSlots.clock",        //
		".heard.of.denials.word.clock",  //
		".heard.of.leads.clock",         //
		".heard.of.said.at",             // what is said holds, whenever
		".heard.of.said.clock",          //
		".heard.refuted.word.clock",     //
		".open.Intent.Payload.Attested", // the journal's
	}
	if !slices.Equal(ahead, want) {
		t.Errorf("ahead are %q, want %q", ahead, want)
	}
}

// fill puts a time, or one element, wherever there may be any.
func fill(v reflect.Value, at time.Time) {
	switch v = bare(v); {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(at))
	case v.Type() == reflect.TypeFor[rules]():
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), at)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), at)
	case v.Kind() == reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one, at)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), one)
	case v.Kind() == reflect.Struct:
		for n := range v.NumField() {
			fill(v.Field(n), at)
		}
	}
}

// times tells of each time in a value, with the fields that lead to it.
func times(v reflect.Value, path string, tell func(path string, at time.Time)) {
	switch v = bare(v); {
	case v.Type() == reflect.TypeFor[time.Time]():
		tell(path, v.Interface().(time.Time))
	case v.Type() == reflect.TypeFor[rules](), v.Kind() == reflect.Pointer && v.Type().Elem().Kind() != reflect.Struct:
	case v.Kind() == reflect.Pointer:
		times(v.Elem(), path, tell)
	case v.Kind() == reflect.Slice:
		times(v.Index(0), path, tell)
	case v.Kind() == reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		one.Set(v.MapIndex(reflect.Zero(v.Type().Key())))
		times(one, path, tell)
	case v.Kind() == reflect.Struct:
		for n := range v.NumField() {
			times(v.Field(n), path+"."+v.Type().Field(n).Name, tell)
		}
	}
}

// bare returns a value that may be set though its field is not exported.
func bare(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}
