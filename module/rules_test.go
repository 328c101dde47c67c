package module

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/module/manifest"
)

func someRules(t testing.TB) Rules {
	t.Helper()
	x, err := extract.New(extract.Rules{"boiler": {"": {Pointer: "/a<b>&"}}})
	if err != nil {
		t.Fatal(err)
	}
	return Rules{
		Module:       dodona.Module{Name: "celsius", Version: "1.0.0", Digest: dodona.Digest{1}},
		Params:       map[string]string{"unit": "°C", "a<b": "&"},
		Capabilities: manifest.Capabilities{HTTPGet: &manifest.HTTPGet{Hosts: []string{"a.example"}}, NowMS: true},
		Extraction:   x.JSON(),
	}
}

func TestRulesHaveOneText(t *testing.T) {
	r := someRules(t)
	raw := r.JSON()
	const want = `{"format":1,"module":{"name":"celsius","version":"1.0.0","digest":"0x0100000000000000000000000000000000000000000000000000000000000000"},` +
		`"abi":"dodona_v1","metering":2,"limits":{"pages":16,"fuel":10000000,"depth":512,"logBytes":4096},"params":{"a\u003cb":"\u0026","unit":"°C"},` +
		`"capabilities":{"http_get":{"hosts":["a.example"]},"now_ms":true},"extraction":{"extract":1,"sources":{"boiler":{"":{"pointer":"/a\u003cb\u003e\u0026"`
	if !bytes.HasPrefix(raw, []byte(want)) {
		t.Errorf("got  %s\nwant %s…", raw, want)
	}
	got, found, err := ParseRules(raw)
	if err != nil || !found {
		t.Fatalf("ParseRules: %v, %v", found, err)
	}
	r.Limits = r.Limits.WithDefaults()
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	// A feed's document holds them as they are.
	inside, err := json.Marshal(map[string]json.RawMessage{"extraction": raw})
	if err != nil || !bytes.Contains(inside, raw) {
		t.Errorf("a document around them changes them: %s (%v)", inside, err)
	}
	bare, found, err := ParseRules(Rules{}.JSON())
	if err != nil || !found || bare.Extraction != nil {
		t.Errorf("rules without extraction: %+v, %v, %v", bare, found, err)
	}
}

// TestRulesReplayWhateverTheyAllow: what is refused today may stand in a journal.
func TestRulesReplayWhateverTheyAllow(t *testing.T) {
	r := someRules(t)
	r.Module.Version, r.Capabilities.HTTPGet.Hosts, r.Capabilities.ReadSensor = "latest", []string{"API.example", "api.example:99999", "api.example"}, []string{"X", "X"}
	if got, found, err := ParseRules(r.JSON()); err != nil || !found || len(got.Capabilities.HTTPGet.Hosts) != 3 {
		t.Errorf("%+v, %t, %v", got, found, err)
	}
}

func TestRulesOfOthersAreToldApart(t *testing.T) {
	r := someRules(t)
	for _, raw := range []string{string(r.Extraction), "null", "{}", "", "[]"} {
		if _, found, err := ParseRules(json.RawMessage(raw)); found || err != nil {
			t.Errorf("%s: %v, %v", raw, found, err)
		}
	}
	whole := string(r.JSON())
	for name, raw := range map[string]string{
		"another format":   strings.Replace(whole, `"format":1`, `"format":2`, 1),
		"another ABI":      strings.Replace(whole, `dodona_v1`, `dodona_v2`, 1),
		"another metering": strings.Replace(whole, `"metering":2`, `"metering":3`, 1),
		"no metering":      strings.Replace(whole, `"metering":2`, `"metering":0`, 1),
		"an unknown key":   strings.Replace(whole, `"params"`, `"x":1,"params"`, 1),
		"a missing limit":  strings.Replace(whole, `"pages":16,`, ``, 1),
		"blanks":           " " + whole,
		"data after it":    whole + "{}",
		"a repeated key":   strings.Replace(whole, `"metering":2`, `"metering":2,"metering":2`, 1),
	} {
		if _, found, err := ParseRules(json.RawMessage(raw)); err == nil && found {
			t.Errorf("%s is accepted: %s", name, raw)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add([]byte(someRules(f).JSON()))
	f.Add([]byte(Rules{}.JSON()))
	f.Add([]byte(`{"module":{}}`))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		r, found, err := ParseRules(raw)
		if err == nil && found && !bytes.Equal(r.JSON(), raw) {
			t.Errorf("%q reads as rules whose text is %q", raw, r.JSON())
		}
	})
}
