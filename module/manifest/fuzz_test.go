package manifest

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// FuzzEnvelope: what is read is written so that it reads the same, and a stranger's envelope is never trusted.
func FuzzEnvelope(f *testing.F) {
	trust := trusting(1)
	m := celsius()
	good, err := Sign(m, testKey(1), testKey(2))
	if err != nil {
		f.Fatal(err)
	}
	payload, err := m.JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(opensslEnvelope))
	f.Add([]byte(`{"payloadType":"","payload":"AA==","signatures":[]}`))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		e, err := ParseEnvelope(raw)
		if err != nil {
			return
		}
		again, err := ParseEnvelope(e.Bytes())
		if len(e.Bytes()) <= MaxEnvelope && (err != nil || !reflect.DeepEqual(e, again)) {
			t.Errorf("%+v reads again as %+v, %v", e, again, err)
		}
		if _, err := Open(raw, trust, noon); err == nil && (!bytes.Equal(e.Payload, payload) || e.PayloadType != ModuleType) {
			t.Errorf("opened with another payload: %s", raw)
		}
	})
}

// FuzzManifest: what is read means one thing, whatever its form, and what is checked keeps within its bounds.
func FuzzManifest(f *testing.F) {
	payload, err := celsius().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte(`{"format":1,"name":"a","version":"1.0.0","sequence":1,"abi":"dodona_v1","limits":{}}`))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil || m.Check(noon) != nil {
			return
		}
		text, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%s does not read again: %v", text, err)
		}
		if twice, err := again.JSON(); err != nil || !bytes.Equal(text, twice) {
			t.Errorf("%s reads again as %s, %v", text, twice, err)
		}
		if envelope, err := Sign(m, testKey(1)); err != nil || len(envelope) > MaxEnvelope/2 {
			t.Errorf("an envelope of %d bytes, %v", len(envelope), err)
		}
		if missing := m.Capabilities.Missing(m.Capabilities); missing != nil {
			t.Errorf("what it asks for does not grant it: %q", missing)
		}
	})
}

// FuzzTrust: a trust file that is read can be reached by its keys, and reads again.
func FuzzTrust(f *testing.F) {
	raw, err := trusting(2).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		trust, err := ReadTrust(raw)
		if err != nil {
			return
		}
		for _, role := range []Role{trust.Roles.Root, trust.Roles.Module} {
			if role.Threshold < 1 || role.Threshold > len(role.Keys) {
				t.Errorf("threshold %d of %d keys", role.Threshold, len(role.Keys))
			}
		}
		text, err := trust.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ReadTrust(text); err != nil || len(again.Keys) != len(trust.Keys) {
			t.Errorf("%s reads again as %+v, %v", text, again, err)
		}
	})
}
