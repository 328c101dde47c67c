package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/config"
)

// documents are what a stranger's server may have.
func documents(t *testing.T) string {
	t.Helper()
	var items []map[string]int
	for i := range 10000 {
		items = append(items, map[string]int{"x": i})
	}
	big, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	url := documentServer(t, map[string]string{
		"/price": `{"symbol":"BTCUSDT","price":"43218.55000000"}`, "/many": fmt.Sprintf(`{"bitcoin":{"usd":43200.5,"eur":40000.25},"at":%d,"a/b":1}`, time.Now().Unix()),
		"/root": "21.50", "/html": "<!DOCTYPE html><html>log in</html>", "/xml": "<?xml?><t>1</t>", "/empty": "", "/none": `{"on":true}`, "/text": "21,5 C",
		"/big": string(big), "/huge": "[" + strings.Repeat("1,", 1<<20) + "1]", "/hostile": "{\"\\u001b[2J\\n#\":1.5, \"é x\": 2, \"x: [\": 3}",
	})
	return url
}

// checked loads a configuration, which must have neither mistakes nor warnings.
func checked(t *testing.T, path string) *config.Config {
	t.Helper()
	c, err := loadConfig(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("%s: warnings %v", path, c.Warnings)
	}
	return c
}

// TestAConfigurationIsMadeOfOneDocument, without a question where there is no terminal.
func TestAConfigurationIsMadeOfOneDocument(t *testing.T) {
	t.Chdir(t.TempDir())
	url := documents(t)
	if err := os.WriteFile("meter.log", []byte("{\"kwh\":1.25}\n{\"kwh\":1.50}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("steps.log", []byte("{\"usd\":1200.75}\n{\"usd\":1200.1234}\n{\"usd\":1202.5}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("null.json", []byte("\xef\xbb\xbf{\"v\":7}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		args  []string
		feeds string // name, unit, decimals, every
	}{
		{[]string{"--url", url + "/price"}, "price  8 10s"},
		{[]string{"--url", url + "/root", "--name", "boiler.t", "--unit", "Cel", "--decimals", "1", "--every", "1m"}, "boiler.t Cel 1 1m0s"},
		{[]string{"--url", strings.TrimPrefix(url, "http://") + "/root"}, "root  2 10s"},
		{[]string{"--url", url + "/many", "--value", "/bitcoin/usd"}, "bitcoin.usd  1 10s"},
		{[]string{"--url", url + "/many", "--value", "/bitcoin/usd=btc:USD", "--value", "/bitcoin/eur=:EUR", "--value", "/a~1b"}, "btc USD 1 10s, bitcoin.eur EUR 2 10s, a-1b  0 10s"},
		{[]string{"--file", "steps.log", "--unit", "USD"}, "usd USD 4 10s"},
		{[]string{"--url", url + "/none", "--value", "/on"}, "on  0 10s"},
		{[]string{"--url", url + "/big", "--value", "/9999/x"}, "x  0 10s"},
		{[]string{"--url", url + "/hostile", "--value", "/\x1b[2J\n#"}, "2j  1 10s"},
		{[]string{"--url", url + "/hostile", "--value", "/é x", "--value", "/x: ["}, "x  0 10s, x-2  0 10s"},
		{[]string{"--file", "meter.log"}, "kwh  2 10s"},
		{[]string{"--file", "null.json", "--name", "on"}, "on  0 10s"},
		{[]string{"--file", "null.json", "--name", "1e3"}, "1e3  0 10s"},
	} {
		name := fmt.Sprintf("c%d.yaml", i)
		code, out, talk := said(t, append([]string{"init", name}, c.args...)...)
		if code != 0 {
			t.Errorf("init %q: exit %d, %s", c.args, code, talk)
			continue
		}
		var feeds []string
		for _, f := range checked(t, name).Feeds {
			feeds = append(feeds, fmt.Sprintf("%s %s %d %v", f.Feed.Name, f.Feed.Unit, f.Feed.Decimals, f.Settings.Every))
		}
		if got := strings.Join(feeds, ", "); got != c.feeds {
			t.Errorf("init %q makes %q, want %q", c.args, got, c.feeds)
		}
		key, err := os.Stat(fmt.Sprintf("c%d.key", i))
		if err != nil || key.Mode().Perm() != 0o600 {
			t.Errorf("init %q: the key file %v, %v", c.args, key, err)
		}
		if !strings.Contains(out, "dodona run "+name) || strings.ContainsAny(out+talk, "\x1b") {
			t.Errorf("init %q says %q", c.args, out+talk)
		}
		for _, f := range checked(t, name).Feeds {
			if code, out, talk := said(t, "feed", "try", name, f.Feed.Name); code != 0 {
				t.Errorf("init %q: feed try: exit %d, %s%s", c.args, code, out, talk)
			}
		}
	}
}

// TestInitShowsAValueAsItsFeedWill: with its decimals, and true where that stands.
func TestInitShowsAValueAsItsFeedWill(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range [][2]string{
		{`{"v":2501.6018}`, "v: every 10s, 2 decimals, now 2,501.60"},
		{`{"v":7}`, "v: every 10s, 2 decimals, now 7.00"},
		{`{"v":true}`, "v: every 10s, true or false, now true"},
	} {
		text, want := c[0], c[1]
		_ = os.Remove("c.yaml")
		if err := os.WriteFile("a.json", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, talk := said(t, "init", "c.yaml", "--file", "a.json", "--value", "/v", "--decimals", "2", "--key", "own.key"); code != 0 || !strings.Contains(out, want+"\n") {
			t.Errorf("%s: exit code %d, %s%s, want %s", text, code, out, talk, want)
		}
	}
	if code, out, talk := said(t, "source", "read", "c.yaml"); code != 0 || !strings.Contains(out, "true  a\n") {
		t.Errorf("source read: exit code %d, %s%s", code, out, talk)
	}
}

func TestAMemberWithoutANameIsNamedInTheConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.json", []byte(`{"":1.5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, talk := said(t, "init", "c.yaml", "--file", "a.json", "--name", "x")
	made, err := os.ReadFile("c.yaml")
	if want := "value: /  # a JSON Pointer, to the member whose name is empty; 1.5 when"; code != 0 || err != nil || !strings.Contains(string(made), want) {
		t.Errorf("exit %d, %v, made %s, want %q in it", code, err, made, want)
	}
	if !strings.Contains(talk, "leave it out, unless the document has that member") {
		t.Errorf("the warning does not say when it is right: %s", talk)
	}
}

// TestWhatMakesNoConfigurationIsToldAndNothingIsWritten.
func TestWhatMakesNoConfigurationIsToldAndNothingIsWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	url := documents(t)
	for line, want := range map[string]string{
		"":                                            "2 there is no terminal to ask at; say --url URL or --file FILE",
		"--url $U/many":                               "2 the document has 4 numbers; say which with --value POINTER, such as --value /bitcoin/usd",
		"--url $U/big":                                "2 … and 9,980 more",
		"--url $U/html":                               "1 this is a web page",
		"--url $U/xml":                                "1 this is XML",
		"--url $U/empty":                              "1 empty",
		"--url $U/none":                               "1 the document has no number",
		"--url $U/text":                               "1 numbers are read from JSON",
		"--url $U/nothing":                            "1 404 Not Found",
		"--url $U/huge":                               "1 larger than max_size",
		"--url $U/hang --wait 300ms":                  "1 no answer within 300ms from 127.0.0.1:",
		"--url http://127.0.0.1:1/":                   "1 connection refused",
		"--url 127.0.0.1:1/":                          "1 read https://127.0.0.1:1/",
		"--url https://$H/many":                       "1 speaks http, not https",
		"--url http://u:sesame@$H/many":               "2 user and password belong under basic:",
		"--url http:///x":                             "2 names no host",
		"--url coap://gw/t":                           `2 scheme "coap": want http or https; dodona kinds coap shows a configuration that reads such a device, and dodona source scan coap coap://gw/t prints`,
		"--url modbus://gw":                           `2 scheme "modbus": want http or https; dodona kinds modbus shows a configuration that reads such a device, and dodona source scan modbus gw prints`,
		"--url mqtt://gw/t":                           `2 scheme "mqtt": want http or https`,
		"--url $U/many --value /bitcoin/us":           "2 the nearest: /bitcoin/usd",
		"--url $U/many --value bitcoin":               "2 must begin with a slash",
		"--url $U/many --value /bitcoin":              "2 an object stands at /bitcoin",
		"--url $U/many --value /at --value /at":       "2 stands there twice",
		"--url $U/many --value /at=x --value /a~1b=x": "2 two numbers cannot have one name",
		"--url $U/many --value /at --value /a~1b --name x":   "2 --name is for one number",
		"--url $U/many --value /at --value /a~1b --unit Cel": "2 --value POINTER=FEED:UNIT",
		"--url $U/none --value /on --unit Cel":               "2 true stands at /on, which has no unit",
		"--url $U/price --decimals 57":                       "2 --decimals 57: with 57 decimals 43218.55000000 is more than an answer can hold",
		"--url $U/price --name Price":                        "2 name \"Price\"",
		"--url $U/price --decimals 99":                       "2 decimals",
		"--url $U/price --every 1ms":                         "2 every",
		"--url $U/price --file x":                            "2 want one of them",
		"--url $U/price --header X-API-Key":                  "2 want NAME=FILE",
		"--file nowhere.json --wait 1s":                      "1 nowhere.json",
		"sub/c.yaml --url $U/price":                          "2 there is no folder sub",
	} {
		code, out, talk := said(t, append([]string{"init"}, strings.Fields(strings.NewReplacer("$U", url, "$H", strings.TrimPrefix(url, "http://")).Replace(line))...)...)
		wantCode, text, _ := strings.Cut(want, " ")
		if fmt.Sprint(code) != wantCode || !strings.Contains(out+talk, text) || strings.Contains(out+talk, "context deadline") || strings.Contains(out+talk, "sesame") {
			t.Errorf("init %s: exit %d, %q, want %s", line, code, out+talk, want)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnAddressWithoutASchemeIsTriedWithTLSFirst(t *testing.T) {
	var urls []string
	for _, d := range (draft{url: "h.example/x"}).attempts() {
		urls = append(urls, d.url)
	}
	if want := []string{"https://h.example/x", "http://h.example/x"}; !slices.Equal(urls, want) {
		t.Errorf("tried are %q, want %q", urls, want)
	}
}

// TestNothingIsOverwritten: neither a configuration nor a key, and a folder of another key is not taken.
func TestNothingIsOverwritten(t *testing.T) {
	t.Chdir(t.TempDir())
	url := documents(t)
	for name, want := range map[string]string{"a.yaml": "a.yaml is there already", "b.key": "to sign with it: --key b.key", "data.json": "to read it: dodona init --file data.json"} {
		if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		file := strings.Replace(name, ".key", ".yaml", 1)
		code, _, talk := said(t, "init", file, "--url", url+"/price")
		if got, _ := os.ReadFile(name); code != exitUsage || !strings.Contains(talk, want) || string(got) != "mine" {
			t.Errorf("%s: exit %d, %s, the file holds %q", name, code, talk, got)
		}
	}
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	if code, _, talk := said(t, "init", url+"/price"); code != 0 || checked(t, "dodona.yaml").Node.Data != "data-2" {
		t.Errorf("exit %d, %s", code, talk)
	}
}

// TestADocumentThatWantsToKnowWhoAsksIsTold: init says how, reads it so, and the configuration does.
func TestADocumentThatWantsToKnowWhoAsksIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sesame" && r.Header.Get("X-API-Key") != "sesame" {
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"t":21.5}`)
	}))
	defer server.Close()
	if code, _, talk := said(t, "init", "--url", server.URL); code != exitFailed || !strings.Contains(talk, "--bearer FILE, or with --header NAME=FILE") {
		t.Errorf("exit %d, %s", code, talk)
	}
	if err := os.WriteFile("token", []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, flag := range map[string]string{"a.yaml": "--bearer=token", "b.yaml": "--header=X-API-Key=token"} {
		code, _, talk := said(t, "init", name, "--url", server.URL, flag)
		text, _ := os.ReadFile(name)
		if code != 0 || strings.Contains(string(text), "sesame") || !strings.Contains(string(text), "{file: token}") {
			t.Errorf("%s: exit %d, %s, %s", flag, code, talk, text)
		}
		checked(t, name)
	}
}

// TestWaitingIsToldAfterASecond, as long as it lasts.
func TestWaitingIsToldAfterASecond(t *testing.T) {
	t.Chdir(t.TempDir())
	url := documents(t)
	for watched, want := range map[bool]string{false: "waiting for " + url + "/hang, at most 1.3s\n", true: "\rwaiting for " + url + "/hang: 1s of at most 1.3s\x1b[K\r\x1b[K"} {
		var out, talk bytes.Buffer
		execute(t.Context(), []string{"init", "--url", url + "/hang", "--wait", "1.3s"}, terminal{in: strings.NewReader(""), out: &out, err: &talk, watched: watched})
		if !strings.Contains(talk.String(), want) {
			t.Errorf("watched %t: %q, want %q", watched, talk.String(), want)
		}
	}
}

// TestQuestionsAreAskedAtATerminal until their answers are right.
func TestQuestionsAreAskedAtATerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	url := documents(t)
	for i, c := range []struct {
		typed []string
		code  int
		feeds string
		shows []string
	}{
		{
			[]string{"", url + "/many", "usb", "usd", "2, /bitcoin/usd", "eth", "Cel", "", "/bitcoin/usd", "", "Two Words", "btc", "", "nine", "3", "1", "5s"},
			0, "eth Cel 2 5s, btc  3 5s",
			[]string{"what to read", "no number is at usb", "2  /bitcoin/eur  40000.25", "which?", "decimals [2]", "/at reads as a time", "43200.5 at /bitcoin/usd is no time", "such as two-words", "want a number from 0 to 57", "want a time such as 10s"},
		},
		{[]string{url + "/big", "", "/7777/", "7778", "", "", "", ""}, 0, "x  0 10s", []string{"20  /19/x", "… and 9,980 more", "21  /20/x", "7778  /7777/x"}},
		{[]string{url + "/many"}, 1, "", []string{"nothing was written"}},
		{[]string{}, 1, "", []string{"nothing was written"}},
	} {
		name := fmt.Sprintf("c%d.yaml", i)
		var out, talk bytes.Buffer
		typed := strings.NewReader(strings.Join(append(c.typed, ""), "\n"))
		code := execute(t.Context(), []string{"init", name}, terminal{in: typed, out: &out, err: &talk, asks: true})
		if code != c.code {
			t.Errorf("case %d: exit %d, want %d: %s", i, code, c.code, talk.String())
			continue
		}
		for _, text := range c.shows {
			if !strings.Contains(talk.String(), text) {
				t.Errorf("case %d does not show %q: %s", i, text, talk.String())
			}
		}
		if _, err := os.Stat(name); (err == nil) != (c.feeds != "") {
			t.Errorf("case %d: the file: %v", i, err)
		}
		if c.feeds == "" {
			continue
		}
		var feeds []string
		for _, f := range checked(t, name).Feeds {
			feeds = append(feeds, fmt.Sprintf("%s %s %d %v", f.Feed.Name, f.Feed.Unit, f.Feed.Decimals, f.Settings.Every))
		}
		if got := strings.Join(feeds, ", "); got != c.feeds {
			t.Errorf("case %d makes %q, want %q", i, got, c.feeds)
		}
	}
}
