package program_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source/mqtt"
)

// TestAMessageGivesNoPointOfWhatItDoesNotMention, as devices send one value a message: what it names and has no number is bad, and so is
// each of a device that says that it is offline.
func TestAMessageGivesNoPointOfWhatItDoesNotMention(t *testing.T) {
	s := mqtt.Settings{Preset: "zigbee2mqtt", Values: map[string]mqtt.Value{"p": {Device: "d", Value: "power"}, "q": {Device: "d", Value: "humidity"}}}
	s.Complete()
	rules, err := mqtt.Kind.Rules(s)
	if err != nil {
		t.Fatal(err)
	}
	made, err := program.New(program.Rules{From: []string{"m.p", "m.q"}, Decoded: map[string]program.Decoded{"m": {Kind: "mqtt", Rules: rules}}},
		program.DecodersOf(mqtt.Kind))
	if err != nil {
		t.Fatal(err)
	}
	topic := "zigbee2mqtt/d"
	for _, c := range []struct {
		topic, body string
		want        []string
	}{
		{topic, `{"power":12.5}`, []string{"m.p 12.5 good"}},
		{topic, `{"humidity":50}`, []string{"m.q 50 good"}},
		{topic, `{"linkquality":50}`, nil},
		{topic, `hello`, nil},
		{topic, `{"power":null}`, []string{"m.p 0 bad"}},
		{topic, `{"power":"much","humidity":51}`, []string{"m.p 0 bad", "m.q 51 good"}},
		{topic + "/availability", `{"state":"offline"}`, []string{"m.p 0 bad", "m.q 0 bad"}},
		{topic + "/availability", `{"state":"online"}`, nil},
	} {
		points, err := made.Each(t.Context(), []dodona.Reading{{Source: "m", Item: c.topic, Body: []byte(c.body), Received: time.Unix(1800000000, 0)}}, true)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range points {
			got = append(got, fmt.Sprint(p.ID, " ", p.Value, " ", p.Quality))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s of %s gives %q, want %q", c.body, c.topic, got, c.want)
		}
	}
}
