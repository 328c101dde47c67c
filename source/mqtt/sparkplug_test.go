//go:build integration

package mqtt_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/source/mqtt"
)

// An edge is an edge node of Sparkplug B that says what a test wants.
type edge struct {
	t     *testing.T
	conn  *mqttc.Conn
	asked chan string // topics of commands
	seq   uint64
}

func newEdge(t *testing.T, b *mosquittotest.Broker, id string, bdSeq uint64) *edge {
	t.Helper()
	e := &edge{t: t, asked: make(chan string, 100)}
	var s mqttc.Settings
	s.Default()
	s.URL = b.URL
	will := sparkplug.Payload{Timestamp: 1, Metrics: []sparkplug.Metric{{Name: sparkplug.BdSeq, Type: sparkplug.Int64, Value: sparkplug.LongOf(bdSeq)}}}
	conn, err := new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{
		Settings: s, ClientID: "edge-" + id, Clean: true,
		Will:    &mqttc.Message{Topic: "spBv1.0/G/NDEATH/" + id, Payload: will.Append(nil), QoS: 1},
		Receive: func(m mqttc.Message) { e.asked <- m.Topic + " " + string(m.Payload) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	e.conn = conn
	if _, err := conn.Subscribe(t.Context(), mqttc.Subscription{Filter: "spBv1.0/G/NCMD/" + id}); err != nil {
		t.Fatal(err)
	}
	return e
}

func double(f float64) sparkplug.Value {
	return sparkplug.Value{Kind: sparkplug.InDouble, Bits: math.Float64bits(f)}
}

// say publishes a message with the next number of the sequence.
func (e *edge) say(topic string, metrics ...sparkplug.Metric) {
	e.t.Helper()
	p := sparkplug.Payload{Timestamp: uint64(time.Now().UnixMilli()), Seq: e.seq, HasSeq: true, Metrics: metrics}
	e.seq = (e.seq + 1) % 256
	if err := e.conn.Publish(e.t.Context(), mqttc.Message{Topic: "spBv1.0/G/" + topic, Payload: p.Append(nil), QoS: 1}); err != nil {
		e.t.Fatal(err)
	}
}

// born says the births of an edge node E and its device D.
func (e *edge) born(bdSeq uint64) {
	e.seq = 0
	e.say("NBIRTH/E", sparkplug.Metric{Name: sparkplug.BdSeq, Type: sparkplug.Int64, Value: sparkplug.LongOf(bdSeq)},
		sparkplug.Metric{Name: "load", Alias: 1, HasAlias: true, Type: sparkplug.Double, Value: double(0.5)})
	e.say("DBIRTH/E/D", sparkplug.Metric{Name: "Inputs/temp", Alias: 2, HasAlias: true, Type: sparkplug.Int16, Value: sparkplug.IntOf(-40)})
}

func sparkplugged(b *mosquittotest.Broker) *mqtt.Settings {
	s := mqtt.Kind.Settings().(*mqtt.Settings)
	s.URL, s.ClientID, s.KeepAlive = b.URL, "subject", time.Second
	s.Sparkplug = new(mqtt.Sparkplug)
	s.Sparkplug.Default()
	s.Metrics = map[string]mqtt.Metric{
		"load": {Group: "G", Edge: "E", Metric: "load"}, "temp": {Group: "G", Edge: "E", Device: "D", Metric: "Inputs/temp", Unit: "Cel"},
	}
	s.Complete()
	return s
}

// points returns what the rules of a source make of readings, as a node and a replay do: from its rules' JSON and the readings alone.
func points(t *testing.T, s *mqtt.Settings, readings []dodona.Reading) map[string][]dodona.Point {
	t.Helper()
	rules, err := mqtt.Kind.Rules(s)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(readings)
	if err != nil {
		t.Fatal(err)
	}
	var replayed []dodona.Reading
	if err := json.Unmarshal(raw, &replayed); err != nil {
		t.Fatal(err)
	}
	transform, err := mqtt.Kind.Decode(rules)
	if err != nil {
		t.Fatal(err)
	}
	result, err := transform.Apply(t.Context(), dodona.Call{Readings: replayed})
	if err != nil {
		t.Fatal(err)
	}
	made := map[string][]dodona.Point{}
	for _, p := range result.Points {
		made[p.ID] = append(made[p.ID], p)
	}
	return made
}

// said waits until a point has so many values, and returns the last.
func said(t *testing.T, s *mqtt.Settings, k *kept, id string, n int) (last dodona.Point) {
	t.Helper()
	eventually(t, id+" says too little", func() bool {
		of := points(t, s, k.all())[id]
		if len(of) >= n {
			last = of[n-1]
		}
		return len(of) >= n
	})
	return last
}

func want(t *testing.T, p dodona.Point, value string, q dodona.Quality, reason string) {
	t.Helper()
	if p.Quality != q || q != dodona.Bad && p.Value.String() != value || !strings.Contains(p.Reason, reason) {
		t.Errorf("point %s is %s, %s (%s); want %s, %s, %s", p.ID, p.Value, p.Quality, p.Reason, value, q, reason)
	}
}

func subscribed(t *testing.T, b *mosquittotest.Broker) {
	t.Helper()
	eventually(t, "nobody has subscribed", func() bool { return strings.Contains(b.Output(), "subject 1 spBv1.0/") })
}

func TestAnEdgeNodeLivesAndDies(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	e := newEdge(t, b, "E", 7)
	s, k := sparkplugged(b), &kept{}
	pump(t, s, k)
	subscribed(t, b)
	select {
	case asked := <-e.asked:
		p, err := sparkplug.Decode([]byte(strings.TrimPrefix(asked, "spBv1.0/G/NCMD/E ")))
		if err != nil || len(p.Metrics) != 1 || p.Metrics[0].Name != sparkplug.Rebirth || p.Metrics[0].Value.Bits != 1 || p.HasSeq {
			t.Errorf("the command is %+v, %v", p, err)
		}
	case <-time.After(patience):
		t.Fatal("a host that has come asks for no births")
	}
	e.born(7)
	want(t, said(t, s, k, "load", 1), "0.5", dodona.Good, "")
	want(t, said(t, s, k, "temp", 1), "-40", dodona.Good, "")
	e.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(0.75)}) // without name and type
	want(t, said(t, s, k, "load", 2), "0.75", dodona.Good, "")
	e.say("DDATA/E/D", sparkplug.Metric{Alias: 2, HasAlias: true, Value: sparkplug.IntOf(-41), Properties: []sparkplug.Property{
		{Key: sparkplug.Quality, Type: sparkplug.Int32, Value: sparkplug.IntOf(sparkplug.QualityStale)},
	}})
	want(t, said(t, s, k, "temp", 2), "-41", dodona.Uncertain, "its quality is stale")
	e.say("DDATA/E/D", sparkplug.Metric{Alias: 2, HasAlias: true, Null: true})
	want(t, said(t, s, k, "temp", 3), "", dodona.Bad, "is null")
	e.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(math.NaN())})
	want(t, said(t, s, k, "load", 3), "", dodona.Bad, "NaN")
	e.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(9), Historical: true})
	e.say("DDEATH/E/D")
	e.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(1)})
	want(t, said(t, s, k, "load", 4), "1", dodona.Good, "") // the one of old is none
	e.say("DBIRTH/E/D", sparkplug.Metric{Name: "Inputs/temp", Alias: 2, HasAlias: true, Type: sparkplug.Int16, Value: sparkplug.IntOf(3)})
	want(t, said(t, s, k, "temp", 4), "3", dodona.Good, "")
	e.conn.Abort() // and the broker publishes the will
	want(t, said(t, s, k, "temp", 5), "", dodona.Bad, "offline: NDEATH of edge node G/E")
	want(t, said(t, s, k, "load", 5), "", dodona.Bad, "offline: NDEATH")
}

func TestADeathOfALifeBeforeIsLate(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	s, k := sparkplugged(b), &kept{}
	pump(t, s, k)
	subscribed(t, b)
	old, young := newEdge(t, b, "E", 3), newEdge(t, b, "other", 0)
	young.born(4)
	want(t, said(t, s, k, "load", 1), "0.5", dodona.Good, "")
	old.conn.Abort()
	young.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(2)})
	want(t, said(t, s, k, "load", 2), "2", dodona.Good, "")
}

func TestAGapInTheSequenceIsNamedAndBirthsAreAskedFor(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	s, k := sparkplugged(b), &kept{}
	p, _ := pump(t, s, k)
	subscribed(t, b)
	e := newEdge(t, b, "E", 0)
	e.born(0)
	said(t, s, k, "temp", 1)
	for len(e.asked) > 0 {
		<-e.asked
	}
	e.seq += 3
	e.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(2)})
	said(t, s, k, "load", 2)
	if got := p.Status(); got.Dropped != 3 || !strings.Contains(got.LastDrop, "a gap in its sequence, 5 came where 2 was due") {
		t.Errorf("dropped %d: %s", got.Dropped, got.LastDrop)
	}
	select {
	case <-e.asked:
	case <-time.After(patience):
		t.Error("nobody asks for births")
	}
	e.say("NDATA/E", sparkplug.Metric{Alias: 99, HasAlias: true, Value: double(2)}, sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(3)})
	said(t, s, k, "load", 3)
	if got := p.Status(); got.Dropped != 4 || !strings.Contains(got.LastDrop, "an alias that no birth explains") {
		t.Errorf("dropped %d: %s", got.Dropped, got.LastDrop)
	}
	for range 300 { // around the end of the sequence
		e.say("NDATA/E", sparkplug.Metric{Alias: 1, HasAlias: true, Value: double(4)})
	}
	said(t, s, k, "load", 303)
	if got := p.Status(); got.Dropped != 4 {
		t.Errorf("dropped %d: %s", got.Dropped, got.LastDrop)
	}
}

func TestWhatWasNeverBornIsInDoubt(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	s, k := sparkplugged(b), &kept{}
	p, _ := pump(t, s, k)
	subscribed(t, b)
	e := newEdge(t, b, "E", 0)
	e.say("DDATA/E/D", sparkplug.Metric{Name: "Inputs/temp", Type: sparkplug.Int16, Value: sparkplug.IntOf(5)})
	want(t, said(t, s, k, "temp", 1), "5", dodona.Uncertain, "never born")
	for _, m := range []mqttc.Message{
		{Topic: "spBv1.0/G/NDATA/E", Payload: []byte{0x13}}, {Topic: "spBv1.0/G/DDATA/E"}, {Topic: "spBv1.0/G/NDATA/E/x/y"}, {Topic: "spBv1.0/G/XDATA/E"},
	} {
		if err := e.conn.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	e.say("DDATA/E/D", sparkplug.Metric{Name: "Inputs/temp", Type: sparkplug.Int16, Value: sparkplug.IntOf(6)})
	said(t, s, k, "temp", 2)
	if got := p.Status(); got.Dropped != 4 {
		t.Errorf("dropped %d: %s; want each of the four that are none of Sparkplug", got.Dropped, got.LastDrop)
	}
}

func TestAHostSaysThatItIsThere(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	states := make(chan string, 10)
	var own mqttc.Settings
	own.Default()
	own.URL = b.URL
	watcher, err := new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{Settings: own, ClientID: "watcher", Clean: true, Receive: func(m mqttc.Message) { states <- string(m.Payload) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watcher.Close() })
	if _, err := watcher.Subscribe(t.Context(), mqttc.Subscription{Filter: "spBv1.0/STATE/dodona", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	next := func(online string) {
		t.Helper()
		select {
		case got := <-states:
			if !strings.Contains(got, `"online":`+online) || !strings.Contains(got, `"timestamp":1`) {
				t.Errorf("STATE is %s, want online %s", got, online)
			}
		case <-time.After(patience):
			t.Fatalf("no STATE, want online %s", online)
		}
	}
	s := sparkplugged(b)
	s.Sparkplug.Host = "dodona"
	_, stop := pump(t, s, &kept{})
	next("true")
	if err := watcher.Publish(t.Context(), mqttc.Message{Topic: "spBv1.0/STATE/dodona", Payload: []byte(`{"online":false,"timestamp":1}`), QoS: 1, Retained: true}); err != nil {
		t.Fatal(err)
	}
	next("false")
	next("true") // it is there all the same
	stop()
	next("false")
}
