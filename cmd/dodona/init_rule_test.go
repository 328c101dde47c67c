package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/extract"
)

// written writes a document into the working folder.
func written(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// madeRule returns the rule of the first feed that init makes, and what it said.
func madeRule(t *testing.T, name string, args ...string) (rule extract.Rule, talk string) {
	t.Helper()
	code, out, talk := said(t, append([]string{"init", name}, args...)...)
	if code != 0 {
		t.Fatalf("init %q: exit %d, %s%s", args, code, out, talk)
	}
	c := checked(t, name)
	for _, point := range slices.Sorted(maps.Keys(c.Sources[0].Rules)) {
		rule = c.Sources[0].Rules[point]
		break
	}
	return rule, out + talk
}

// TestTheTimeBesideAValueIsWrittenIntoItsRule, and nothing else that reads as one.
func TestTheTimeBesideAValueIsWrittenIntoItsRule(t *testing.T) {
	t.Chdir(t.TempDir())
	now := time.Now().Add(-2 * time.Second)
	text, seconds, later := now.UTC().Format(time.RFC3339), now.Unix(), now.Add(time.Hour).Unix()
	for i, c := range []struct{ document, value, time string }{
		{fmt.Sprintf(`{"symbol":"BTC","price":1.5,"ts":%d}`, seconds), "", "/ts"},
		{fmt.Sprintf(`{"price":1.5,"E":%d}`, seconds*1000), "/price", ""}, // who knows what E is
		{fmt.Sprintf(`{"price":1.5,"eventTime":%d}`, seconds*1000), "", "/eventTime"},
		{fmt.Sprintf(`{"price":"1.5","updated_at":"%d"}`, seconds), "", "/updated_at"},
		{fmt.Sprintf(`{"price":1.5,"seen":%q}`, text), "", "/seen"},
		{fmt.Sprintf(`{"price":1.5,"created":%q,"expires_at":%d}`, text, seconds), "/price", ""},
		{fmt.Sprintf(`{"price":1.5,"nextUpdate":%q,"time":%d}`, text, later), "/price", ""},
		{fmt.Sprintf(`{"price":1.5,"server_time":%d,"last_updated":%q}`, seconds, text), "/price", "/last_updated"},
		{fmt.Sprintf(`{"bpi":{"usd":{"rate":1.5}},"time":{"updatedISO":%q}}`, text), "", "/time/updatedISO"},
		{fmt.Sprintf(`{"at":%d,"data":{"t":1.5,"measured":%q}}`, seconds, text), "/data/t", "/data/measured"},
		{`{"price":1.5,"uptime":86400,"time":86400}`, "/price", ""},
		{`{"price":1.5,"volume":1796019250}`, "/price", ""},
		{fmt.Sprintf(`[[%q,1.5]]`, text), "/0/1", "/0/0"},
	} {
		name := fmt.Sprintf("c%d", i)
		written(t, name+".json", c.document)
		args := []string{"--file", name + ".json"}
		if c.value != "" {
			args = append(args, "--value", c.value)
		}
		rule, talk := madeRule(t, name+".yaml", args...)
		if rule.Time != c.time || strings.Contains(talk, "measured at") != (c.time != "") {
			t.Errorf("%s: the time is at %q, want %q; init says %s", c.document, rule.Time, c.time, talk)
		}
		content, _ := os.ReadFile(name + ".yaml")
		if noted := strings.Contains(string(content), "# time: read"); noted != (c.time == "") {
			t.Errorf("%s: the note about the file's last write: %t", c.document, noted)
		}
		if code, out, talk := said(t, "feed", "try", name+".yaml", checked(t, name+".yaml").Feeds[0].Feed.Name); code != 0 {
			t.Errorf("%s: feed try: exit %d, %s%s", c.document, code, out, talk)
		}
	}
}

// TestTheTimeIsWhatItsFlagSays, nowhere too.
func TestTheTimeIsWhatItsFlagSays(t *testing.T) {
	t.Chdir(t.TempDir())
	written(t, "d.json", fmt.Sprintf(`{"v":1.5,"ts":%d,"read":%[1]d,"unit":"Cel"}`, time.Now().Unix()))
	for i, want := range []string{"/read", "", "/ts"} {
		rule, _ := madeRule(t, fmt.Sprintf("c%d.yaml", i), "--file", "d.json", "--value", "/v", "--time="+want)
		if rule.Time != want {
			t.Errorf("--time=%s makes %q", want, rule.Time)
		}
	}
	for flag, want := range map[string]string{"/nowhere": "/ts would do", "/unit": "Cel at /unit is no time", "/v": "the value itself"} {
		if code, _, talk := said(t, "init", "x.yaml", "--file", "d.json", "--value", "/v", "--time", flag); code != exitUsage || !strings.Contains(talk, want) {
			t.Errorf("--time %s: exit %d, %s, want %s", flag, code, talk, want)
		}
	}
}

// TestAnOldTimeGetsAConfigurationThatTakesIt if its source is only slow, and is told if nobody writes any more.
func TestAnOldTimeGetsAConfigurationThatTakesIt(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		age   time.Duration
		stale time.Duration
		says  string
	}{"fresh": {time.Second, 0, ""}, "daily": {7 * time.Hour, 24 * time.Hour, "up to 1d old"}, "dead": {900 * 24 * time.Hour, 0, "rounds are missed as long as it is so old"}} {
		written(t, name+".json", fmt.Sprintf(`{"v":1.5,"ts":%d}`, time.Now().Add(-c.age).Unix()))
		_, talk := madeRule(t, name+".yaml", "--file", name+".json", "--every", "1m")
		text, _ := os.ReadFile(name + ".yaml")
		if got := strings.Contains(string(text), "stale: "); got != (c.stale > 0) || !strings.Contains(talk, c.says) {
			t.Errorf("%s: stale is set: %t; init says %s", name, got, talk)
		}
		if got := checked(t, name+".yaml").Feeds[0].Settings.Stale; c.stale > 0 && got != c.stale {
			t.Errorf("%s: stale is %v, want %v", name, got, c.stale)
		}
	}
}

// TestAnElementIsChosenByWhatNamesIt, or its position is told.
func TestAnElementIsChosenByWhatNamesIt(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, c := range []struct{ document, value, pointer, where, says string }{
		{`[{"symbol":"BTC","price":1},{"symbol":"ETH","price":2}]`, "/1/price", "/*/price", "/*/symbol=ETH", ""},
		{`{"d":[{"id":7,"v":1},{"id":8,"v":2}]}`, "/d/0/v", "/d/*/v", "/d/*/id=7", ""},
		{`[{"base":"BTC","quote":"USD","p":1},{"base":"BTC","quote":"EUR","p":2}]`, "/1/p", "/*/p", "/*/base=BTC /*/quote=EUR", ""},
		{`[{"currency":{"code":"USD"},"v":1},{"currency":{"code":"EUR"},"v":2}]`, "/1/v", "/*/v", "/*/currency/code=EUR", ""},
		{`[{"room":"hall","v":1},{"room":"attic","v":2}]`, "/0/v", "/*/v", "/*/room=hall", ""},
		{`[{"name":"a","v":1},{"name":"a","v":2}]`, "/1/v", "/1/v", "", "/1 "},
		{`[{"ok":true,"v":1},{"ok":false,"v":2}]`, "/1/v", "/1/v", "", "/1 "},
		{`{"c":["1.5","2"]}`, "/c/0", "/c/0", "", "/c/0 "},
		{`[{"name":"a","q":[{"n":1}]},{"name":"b","q":[{"n":2}]}]`, "/1/q/0/n", "/*/q/0/n", "/*/name=b", "/1/q/0 "},
		{`[{"name":"a","q":[{"id":"x","n":1}]},{"name":"b","q":[{"id":"y","n":2}]}]`, "/1/q/0/n", "/1/q/*/n", "/1/name=b /1/q/*/id=y", ""},
		{`[{"*":1,"name":"a"},{"*":2,"name":"b"}]`, "/1/*", "/1/*", "", "/1/* "},
	} {
		name := fmt.Sprintf("c%d", i)
		written(t, name+".json", c.document)
		rule, talk := madeRule(t, name+".yaml", "--file", name+".json", "--value", c.value)
		var where []string
		for _, at := range slices.Sorted(maps.Keys(rule.Where)) {
			where = append(where, at+"="+rule.Where[at].String())
		}
		if got := strings.Join(where, " "); rule.Pointer != c.pointer || got != c.where {
			t.Errorf("%s %s: the rule is %s where %s, want %s where %s", c.document, c.value, rule.Pointer, got, c.pointer, c.where)
		}
		if warned := strings.Contains(talk, "nothing names the element "+c.says); warned != (c.says != "") {
			t.Errorf("%s %s: init says %s", c.document, c.value, talk)
		}
		if len(where) > 0 && !strings.Contains(talk, ", where "+strings.Replace(where[0], "=", " is ", 1)) {
			t.Errorf("%s: init does not say which element: %s", c.document, talk)
		}
		if code, out, talk := said(t, "feed", "try", name+".yaml", checked(t, name+".yaml").Feeds[0].Feed.Name); code != 0 {
			t.Errorf("%s: feed try: exit %d, %s%s", c.document, code, out, talk)
		}
	}
	for _, star := range []string{"/d/*/v", "/nowhere/*/v"} {
		code, _, talk := said(t, "init", "x.yaml", "--file", "c1.json", "--value", star)
		if code != exitUsage || !strings.Contains(talk, "--value /d/0/") {
			t.Errorf("%s: exit %d, %s", star, code, talk)
		}
	}
}

// TestATextThatWasMeantAsANumberIsTold, with what can be done; what is a date, a name or a version is not one.
func TestATextThatWasMeantAsANumberIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, c := range []struct{ document, flag, says string }{
		{`{"price":"43,218.55"}`, "", `"43,218.55" at /price is a text with a comma`},
		{`{"t":"21,5 °C"}`, "", "at /t is a text with a comma"},
		{`{"t":"21.5 °C"}`, "", "something else beside the number"},
		{`{"share":"12%"}`, "", "at /share"},
		{`{"price":"$43,218.55","ts":1796019250}`, "", "not listed: "},
		{`{"price":"43,218.55","volume":5}`, "", "at /price is a text with a comma"},
		{`{"price":"43,218.55","volume":5}`, "/price", "docs/guide/modules.md"},
		{`{"v":"1 234.5"}`, "", "the digits are grouped"},
		{`{"at":"30.11.2026, 10:00","v":"1.2.3","n":"Room 5, left"}`, "", "the document has no number; it begins"},
	} {
		name := fmt.Sprintf("c%d.json", i)
		written(t, name, c.document)
		args := []string{"init", "x.yaml", "--file", name}
		if c.flag != "" {
			args = append(args, "--value", c.flag)
		}
		if code, _, talk := said(t, args...); code == 0 || !strings.Contains(talk, c.says) {
			t.Errorf("%s: exit %d, %s, want %s", c.document, code, talk, c.says)
		}
	}
}

// TestAKeyThatIsThereSigns if that is said, a raw one and a keystore, and is never written.
func TestAKeyThatIsThereSigns(t *testing.T) {
	t.Chdir(t.TempDir())
	written(t, "d.json", `{"v":1.5}`)
	written(t, "plant.password", "sesame\n")
	for _, args := range [][]string{{"key", "new", "--raw", "raw.key"}, {"key", "new", "plant.json", "--password-file", "plant.password"}} {
		if code, _, talk := said(t, args...); code != 0 {
			t.Fatal(talk)
		}
	}
	for i, key := range []string{"raw.key", "plant.json"} {
		before, _ := os.ReadFile(key)
		_, address, _ := said(t, "key", "show", key)
		name := fmt.Sprintf("c%d.yaml", i)
		_, talk := madeRule(t, name, "--file", "d.json", "--key", key)
		after, _ := os.ReadFile(key)
		if string(before) != string(after) || !strings.Contains(talk, "kept "+key+": the key of "+strings.TrimSpace(address)) {
			t.Errorf("%s: it was written, or init says %s", key, talk)
		}
		if c := checked(t, name); c.Node.Key.File != key || (c.Node.Key.Password.File == "plant.password") != (key == "plant.json") {
			t.Errorf("%s: the configuration has %+v", key, c.Node.Key)
		}
	}
	if code, _, talk := said(t, "init", "n.yaml", "--file", "d.json", "--key", "new.key"); code != 0 || checked(t, "n.yaml").Node.Key.File != "new.key" {
		t.Errorf("a key that is not there: exit %d, %s", code, talk)
	}
	for key, want := range map[string]string{"d.json": "d.json", "nowhere/x.key": "no folder nowhere"} {
		if code, _, talk := said(t, "init", "x.yaml", "--file", "d.json", "--key", key); code != exitUsage || !strings.Contains(talk, want) {
			t.Errorf("--key %s: exit %d, %s", key, code, talk)
		}
	}
}
