package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// What sources and sinks have in common: one kind, with its settings below it, and what stands beside.

// A stage is where kinds of one sort belong, and what people look for there.
type stage struct {
	what   string // "source"
	kinds  Kinds
	others Kinds // of the other stage
}

func sourcesAndTheirs(k Kinds) stage { return stage{"source", k.sources(), k.sinks()} }
func sinksAndTheirs(k Kinds) stage   { return stage{"sink", k.sinks(), k.sources()} }

func settingsType(kind Kind) reflect.Type { return reflect.TypeOf(kind.Settings()).Elem() }

// has reports whether a kind has a setting.
func has(kind Kind, key string) bool {
	return slices.Contains(strict.Names(strict.Fields(settingsType(kind))), key)
}

// kindOf returns the one kind that a unit names, beside other keys, and reports the keys that are neither.
func (l *loader) kindOf(d *strict.Decoder, at *strict.Span, n *strict.Node, s stage, beside []string) (kind Kind, of strict.Entry) {
	for _, e := range n.Entries {
		if k := s.kinds.find(e.Key); k != nil && kind == nil {
			kind, of = k, e
		}
	}
	before := l.report.Count()
	if kind == nil {
		if kind, of = l.kindAsValue(d, n, s, beside); kind != nil {
			return kind, of
		}
	}
	if l.kindAsName(d, at, n, s, kind) {
		return nil, of
	}
	d.Hint = s.hints(kind)
	kind = nil
	for i := range n.Entries {
		if !slices.Contains(beside, n.Entries[i].Key) {
			d.Rename(n, i, "", append(s.kinds.names(), beside...))
		}
		e := n.Entries[i]
		k := s.kinds.find(e.Key)
		if k == nil {
			continue
		}
		if e.At.Show = true; kind != nil {
			d.Mistake(e.At, "two kinds, %s and %s: a %s has one", kind.Name(), k.Name(), s.what)
			continue
		}
		kind, of = k, e
	}
	if kind == nil && l.report.Count() == before && !n.Torn {
		d.Mistake(at, "no kind: want one of %s", strict.ListOf(s.kinds.names()))
	}
	return kind, of
}

// kindAsName reports a unit that has the name of a kind and the settings of one, as other programs have it.
func (l *loader) kindAsName(d *strict.Decoder, at *strict.Span, n *strict.Node, s stage, kind Kind) bool {
	named := s.kinds.find(s.nameOf(d))
	if kind != nil || named == nil || len(n.Entries) > 0 && !slices.ContainsFunc(n.Entries, func(e strict.Entry) bool {
		return has(named, e.Key) || len(means(e.Key, strict.Names(strict.Fields(settingsType(named))))) > 0
	}) {
		return false
	}
	l.report.Add(s.isKind(d, named), at)
	return true
}

// kindAsValue returns the kind that stands in a value, as in type: http, and its settings, which stand beside it then.
func (l *loader) kindAsValue(d *strict.Decoder, n *strict.Node, s stage, beside []string) (kind Kind, of strict.Entry) {
	for _, e := range n.Entries {
		if !slices.Contains([]string{"type", "kind", "plugin", "driver", "protocol", "platform", "adapter", "input", "output"}, e.Key) || e.Value.Kind != strict.Scalar {
			continue
		}
		name := strings.ToLower(e.Value.Text)
		if k := s.kinds.find(name); k != nil {
			kind, of = k, e
		} else if hint, instead := s.hints(nil)(name); instead != "" && hint != "" {
			kind, of = s.kinds.find(instead), e
		}
	}
	if kind == nil {
		return nil, of
	}
	inside := &strict.Node{Kind: strict.Mapping, At: of.At, Torn: n.Torn}
	var names []string
	for _, e := range n.Entries {
		if e.At != of.At && !slices.Contains(beside, e.Key) {
			inside.Entries = append(inside.Entries, e)
			names = append(names, strict.Quote(e.Key))
		}
	}
	of.At.Show, of.Value.At.Show = true, true
	m := strict.Mistake{Where: d.Where, Message: fmt.Sprintf("a kind is a key of its own: %s: {…}", kind.Name())}
	if len(names) > 0 {
		m.Hint = "its settings stand inside: " + kind.Name() + ": {" + strings.Trim(names[0], `"`) + ": …}"
	}
	l.report.Add(m, of.At)
	return kind, strict.Entry{Key: kind.Name(), At: of.At, Value: inside}
}

// hints says of a key beside a kind where it belongs.
func (s stage) hints(kind Kind) func(key string) (hint, instead string) {
	return func(key string) (hint, instead string) {
		candidates := s.kinds
		if kind != nil {
			candidates = Kinds{kind}
		}
		var below []string
		for _, k := range candidates {
			if has(k, key) {
				below = append(below, fmt.Sprintf("%s: {%s: …}", k.Name(), key))
			}
		}
		if len(below) > 0 {
			return fmt.Sprintf("%q belongs to the kind: %s", key, strict.Either(below)), ""
		}
		if hint, instead = s.kindCalled(key); hint != "" {
			return hint, instead
		}
		if kind != nil {
			if called := means(key, strict.Names(strict.Fields(settingsType(kind)))); len(called) == 1 {
				return fmt.Sprintf("it is called %q here, and belongs to the kind: %s: {%s: …}", called[0], kind.Name(), called[0]), ""
			}
		}
		return belongsElsewhere(s.what)(key)
	}
}

// kindWords are names that kinds have elsewhere.
var kindWords = map[string]map[string]string{
	"source": {
		"http":      "https rest api json url web httpjson jsonapi get restapi jsonrest prometheus curl request bridge",
		"file":      "tail log csv jsonl ndjson files path disk textfile",
		"modbus":    "modbustcp modbusrtu modbusip modbusserial mbtcp mbpoll",
		"opcua":     "opc ua opcda opctcp uaclient opcuaclient",
		"s7":        "siemens plc tia simatic profinet s7comm snap7 iso-on-tcp logo step7",
		"sql":       "postgres postgresql pgsql mysql mariadb sqlite sqlite3 database db query odbc jdbc",
		"serial":    "rs232 rs485 uart tty ttyusb ttys0 com comport serialport nmea nmea0183 gps gnss scale",
		"websocket": "ws wss socket websockets stream",
		"mqtt":      "mqtts mqtt5 mqttv5 mosquitto broker sparkplug sparkplugb spb zigbee2mqtt z2m chirpstack ttn lorawan tasmota emqx hivemq awsiot",
		"sim":       "mock random fake test simulator demo dummy simulated",
	},
	"sink": {
		"webhook": "http https rest api callback post notify httppost url slack",
		"evm":     "eth ethereum chain contract evmchain polygon arbitrum web3 onchain blockchain",
		"stdout":  "console print debug terminal",
	},
}

// Coming are kinds of sources that people look for, and that are to come.
var Coming = []string{"amqp", "kafka"}

// kindCalled says which kind a word stands for elsewhere, or that it is no kind here.
func (s stage) kindCalled(word string) (hint, instead string) {
	bare := separated.Replace(strings.ToLower(word))
	for _, kind := range s.kinds {
		if slices.Contains(strings.Fields(kindWords[s.what][kind.Name()]), bare) {
			if s.what == "sink" && s.others.find(bare) != nil {
				return fmt.Sprintf("%s is a kind of source; a sink that speaks it is %q", bare, kind.Name()), kind.Name()
			}
			return fmt.Sprintf("it is called %q here", kind.Name()), kind.Name()
		}
	}
	switch {
	case s.others.find(bare) != nil && s.what == "source":
		return bare + " is a kind of sink: it belongs below sinks", ""
	case s.others.find(bare) != nil:
		return bare + " is a kind of source: it belongs below sources", ""
	case slices.Contains(Coming, strings.TrimSuffix(strings.TrimSuffix(bare, "tcp"), "rtu")):
		return "it is to come; until then what reads it can write a file of lines, or answer http", ""
	}
	return "", ""
}

// KindCalled returns the kind that a word stands for elsewhere, a source before a sink, or "".
func KindCalled(word string, kinds Kinds) string {
	for _, s := range []stage{sourcesAndTheirs(kinds), sinksAndTheirs(kinds)} {
		if kind := kinds.find(strings.ToLower(word)); kind != nil {
			return kind.Name()
		}
		if _, kind := s.kindCalled(word); kind != "" {
			return kind
		}
	}
	return ""
}

var separated = strings.NewReplacer("-", "", "_", "", " ", "")

var feedType = reflect.TypeFor[feed.Settings]()

// belongsElsewhere says where a setting belongs that stands in a source, a point, a feed or a sink.
func belongsElsewhere(here string) func(key string) (hint, instead string) {
	return func(key string) (string, string) {
		in := func(name string, t reflect.Type) bool {
			return here != name && slices.Contains(strict.Names(strict.Fields(t)), key)
		}
		switch {
		case here == "feed" && in("point", ruleType) && key != "unit":
			return fmt.Sprintf("%q belongs to the source: value: {%s: …}", key, key), ""
		case here != "feed" && in("point", ruleType):
			return fmt.Sprintf("%q belongs to a point: value: {%s: …}", key, key), ""
		case (here == "source" || here == "point") && in("feed", feedType):
			return fmt.Sprintf("%q belongs to a feed that asks for it", key), ""
		case here == "feed" && in("sink", policyType):
			return fmt.Sprintf("%q belongs to a sink", key), ""
		}
		return "", ""
	}
}

// only returns of a unit what stands below some keys.
func only(n *strict.Node, keys []string) *strict.Node {
	out := &strict.Node{Kind: strict.Mapping, At: n.At, Torn: n.Torn}
	for _, e := range n.Entries {
		if slices.Contains(keys, e.Key) {
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

// settings fills a kind's settings and lets the kind check them. beside are keys that people put inside and that belong beside.
func (l *loader) settings(where string, kind Kind, settings any, e strict.Entry, beside ...string) {
	d := l.decoder(where, func(key string) (string, string) {
		if slices.Contains(beside, key) {
			return fmt.Sprintf("%q belongs beside %s:, not inside", key, kind.Name()), ""
		}
		if strings.Contains(where, "source ") {
			return belongsElsewhere("source")(key)
		}
		return "", ""
	})
	if e.Value.Kind == strict.Scalar || e.Value.Kind == strict.List {
		l.noSettings(where, kind, e.Value)
		return
	}
	d.Into(reflect.ValueOf(settings), e.Value, kind.Name())
	who := subject{where: where, node: e.Value, at: e.At, settings: reflect.TypeOf(settings)}
	l.tell(who, kind.Check(settings))
	l.lookAtSecrets(who, reflect.ValueOf(settings).Elem())
}
