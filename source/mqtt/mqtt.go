// Package mqtt observes topics of a broker of MQTT, version 5 or 3.1.1. Each message is a reading whose item is its topic.
//
// A message of QoS 1 or 2 is acknowledged once it is in the journal, so the broker keeps what comes while the journal is full, while Dodona is
// stopped or while the way to the broker is cut, as long as session says, and sends it then. Messages of QoS 0 are not kept by anybody: what comes
// while there is no room is counted as dropped. After a connection was lost the broker may send a message again; one that is in the journal
// already is not taken twice, unless Dodona was started anew in between.
//
// A retained message tells what was published last, and nobody knows when: it is of quality uncertain, and stale unless its payload has a time
// that the rule names (value: {pointer: /t, time: /ts}). One that says what its topic said last is passed over.
//
// With preset, the points of devices behind ChirpStack, The Things Stack, Zigbee2MQTT and Tasmota are named by device and value; with
// sparkplug, those of edge nodes of Sparkplug B by group, edge node, device and metric. A source publishes nothing, with two exceptions, which
// Sparkplug wants of a host: it asks an edge node for its births (NCMD Node Control/Rebirth), and says that it is there where host is set (STATE).
//
// What goes wrong has a name: "the broker refuses …" with the reason code in words; "the broker closed the connection without a word", often
// because another client has the same id; "no packet from the broker in …, though it was pinged" for a frozen one; "retained: …" and "never born"
// of a point in doubt; "offline: …" of one whose edge node or device has died. Counted as dropped are messages that are too large, that came while there was
// no room, that are of a topic beyond max_topics or no payload of Sparkplug, aliases that no birth explains, and the messages that a gap in the
// sequence of an edge node tells of.
//
// Worked examples for AWS IoT Core, Azure Event Grid, the presets and Sparkplug are in docs/guide/mqtt.md.
package mqtt

import (
	"context"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "mqtt".
var Kind = source.Decoding(source.NewPushed("mqtt", open), Settings.rules, decoder)

func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	return newSubscriber(s, env), nil
}
