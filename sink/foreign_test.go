package sink_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// signedBy files a record, an answer or an anchor, of a network.
func signedBy(t *testing.T, rec dodona.Record, n dodona.Network) dodona.Record {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(rec.Body, &body); err != nil {
		t.Fatal(err)
	}
	body["network"] = n
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	rec.Body = raw
	return rec
}

// TestWhatAnotherNetworkSignedIsDeliveredToNobody: it is counted and told once, whatever the policy, and what comes behind it goes.
func TestWhatAnotherNetworkSignedIsDeliveredToNobody(t *testing.T) {
	mine, other := dodona.Network{Name: "plant", First: dodona.Digest{1}}, dodona.Network{Name: "plant", First: dodona.Digest{2}}
	for _, policy := range []sink.Choice{sink.Every, sink.Latest} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.network, r.policy.Policy, r.policy.Anchors = mine.ID(), policy, true
				r.begin()
				all := answers(4)
				anchor := dodona.Record{Topic: dodona.TopicAnchor, Key: "series", ID: "7", Body: []byte(`{}`)}
				r.say(signedBy(t, all[0], mine))
				r.say(signedBy(t, all[1], other))
				r.say(signedBy(t, anchor, other))
				r.say(signedBy(t, all[2], mine))
				all[3].Body = bytes.Replace(all[3].Body, []byte(`"network"`), []byte(`"nobody"`), 1) // it does not say whose it is
				r.say(all[3])
				s := r.end()
				if want := []string{all[0].ID, all[2].ID, all[3].ID}; !slices.Equal(r.given, want) {
					t.Errorf("given %v, want %v", r.given, want)
				}
				if s.Foreign != 2 || s.Skipped+s.Superseded+s.Failures != 0 || r.recorder.Counts()[telemetry.SinkForeign.Of("s")] != 2 {
					t.Errorf("status %+v", s)
				}
				if !strings.Contains(s.LastError, other.ID().String()) || !strings.Contains(s.LastError, mine.ID().String()) {
					t.Errorf("told %q, want both networks", s.LastError)
				}
			})
		})
	}
}
