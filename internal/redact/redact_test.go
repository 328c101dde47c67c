package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestASecretIsFoundInEachCoding that a text may have it in.
func TestASecretIsFoundInEachCoding(t *testing.T) {
	const s = `pa"ss &?wörd\1`
	quoted, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	r := New("other", s+"\n")
	for name, text := range map[string]string{
		"as it is": s, "query": url.QueryEscape(s), "path": url.PathEscape(s), "userinfo": url.UserPassword("me", s).String(), "JSON": string(quoted), "Go": fmt.Sprintf("%q", s),
		"hex": hex.EncodeToString([]byte(s)), "hex in capitals": fmt.Sprintf("%X", s),
		"encodeURIComponent": strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "query in small letters": percents.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower),
	} {
		got, taken := r.Text("before " + text + " behind")
		if taken[Known] != 1 || !strings.Contains(got, secret.Mask) || strings.Contains(got, "wörd") || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " behind") {
			t.Errorf("%s: %q became %q, %v", name, text, got, taken)
		}
	}
	for user := range 4 { // at each place of three bytes
		both := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", user) + ":" + s))
		if got, taken := r.Text("Basic: " + both); taken[Known] != 1 || strings.Contains(got, both[len(both)/2:len(both)-4]) {
			t.Errorf("%s became %s", both, got)
		}
	}
}

// TestWhatIsBlankIsNoSecret, though somebody made it one.
func TestWhatIsBlankIsNoSecret(t *testing.T) {
	for _, s := range []string{"", " ", "\n", " \n", "  a ", "\t\n ", "\n\n", "\u00a0"} {
		if got, taken := New(s).Text("a text of a b"); got != "a text of a b" || len(taken) > 0 {
			t.Errorf("%q: the text became %q, %v", s, got, taken)
		}
	}
}

// TestTheLinesOfASecretAreSecrets too, and where two secrets begin alike the longer one goes.
func TestTheLinesOfASecretAreSecrets(t *testing.T) {
	r := New("-----BEGIN KEY-----\nMIIabcdefghijkl\nshort\n-----END KEY-----", "pass", "password", "abc")
	for text, want := range map[string]string{
		"a line MIIabcdefghijkl": "a line •••", "short": "short", "password1": "•••1", "abc": "abc", "": "",
	} {
		if got, _ := r.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestWhatLooksLikeASecretGoes, and what does not stays.
func TestWhatLooksLikeASecretGoes(t *testing.T) {
	r := New()
	for text, want := range map[string]string{
		`post {"user":"u","password":"two words"} failed`:                        `post {"user":"u","password":"•••"} failed`,
		`body: "{\"client_secret\": \"abc123\"}"`:                                `body: "{\"client_secret\": \"•••\"}"`,
		`"token": {file: t}, "secret" is: not read`:                              `"token": {file: t}, "secret" is: not read`,
		"GET https://me:pw@a.example:8443/v1/x?a=b&c=d#e failed":                 "GET https://•••@a.example:8443/v1/x?a=•••&c=•••#••• failed",
		`Get "http://a.example/p?q=1": EOF`:                                      `Get "http://a.example/p?q=•••": EOF`,
		"https://h/?secret":                                                      "https://h/?•••",
		"https://h/v3/9aa3d95b3bc440fa88ea12eaa4456161":                          "https://h/v3/•••",
		"https://hooks.example/services/T00000000/B000/XXXXXXXXXXXXXXXXXXXXXXXX": "https://hooks.example/services/T00000000/B000/•••",
		"https://h/bot123456:ABC-DEF/send":                                       "https://h/•••/send",
		"https://h/8f14e45f-ceea-467f-a0c0-1234567890ab":                         "https://h/•••",
		`{"url":"https://h/?a=1\u0026key=2"}`:                                    `{"url":"https://h/?a=•••\u0026key=•••"}`,
		`mqtt:\\me:pw@h\x`:                                                       `mqtt:\\•••@h\x`,
		`see xb.c:\u0000 a`:                                                      `see xb.c:\u0000 a`,
		`https:\/\/me:pw@h\/x`:                                                   `https:\/\/•••@h\/x`,
		"nats://u:p@10.0.0.1:4222,nats://10.0.0.2:4222":                          "nats://•••@10.0.0.1:4222,nats://10.0.0.2:4222",
		"https://u:pa/ss@h/x":                                                    "https://•••@h/x",
		"Authorization: Bearer abc.def.ghi":                                      "Authorization: Bearer •••",
		"password=hunter2 next":                                                  "password=••• next",
		"-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\n.":   "•••\n.",
		"-----BEGIN PRIVATE KEY-----\nabc":                                       "•••",
		"https://a.example/api/v3/ticker/price":                                  "https://a.example/api/v3/ticker/price",
		"see https://h/x?).":                                                     "see https://h/x?).",
		"https://h/hook/s3cr3t/sword and more":                                   "https://h/hook/•••/••• and more",
		"https://h/api/token/sword/price":                                        "https://h/api/token/•••/price",
		"https://h/api_keys/sword)":                                              "https://h/api_keys/•••)",
		"https://h/botghp_abcdefGH1234567/send":                                  "https://h/•••/send",
		`https://h/key//sword/1`:                                                 "https://h/key//•••/1",
		`https://h\key\sword`:                                                    `https://h\key\•••`,
		`https:\/\/h\/key\/sword`:                                                `https:\/\/h\/key\/•••`,
		`https://h/key%2Fsword%2fx`:                                              "https://h/key%2F•••%2fx",
		"https://h/bot/sword":                                                    "https://h/bot/•••",
		"https://h/v3/abc123DEF456,":                                             "https://h/v3/•••,",
		"https://h/v1;key=sword/x":                                               "https://h/•••/x",
		"https://h/v1#access_token=sword":                                        "https://h/v1#•••",
		"https://h/x?a=1&amp;b=2#c&d":                                            "https://h/x?a=•••&amp;b=•••#•••",
		"https:/h.example/key/sword":                                             "https:/h.example/key/•••",
		"http//h.example/key/sword":                                              "http//h.example/key/•••",
		"write h.example/key/sword":                                              "write h.example/key/•••",
		"{url: 10.0.0.1:80/key/sword}":                                           "{url: 10.0.0.1:80/key/•••}",
		"https://me:swordfis…":                                                   "https://•••",
		"https://me:sword/h.example":                                             "https://•••/h.example",
		"https://h.example/v3/9aa…":                                              "https://h.example/v3/•••",
		"https://h.example/token/0x52908400098527886e0f7030069857d2e4169ee7/1":   "https://h.example/token/0x52908400098527886e0f7030069857d2e4169ee7/1",
		"https://[::1]:8080/api/v1beta1/lastPrice24h/BTC2USD/sensor-42b":         "https://[::1]:8080/api/v1beta1/lastPrice24h/BTC2USD/sensor-42b",
		"there is no file /etc/a.d/key/sword":                                    "there is no file /etc/a.d/key/sword",
		`duration "ghp_abcdefGH1234567"`:                                         `duration "•••"`,
		"eyJhbGciOi.eyJzdWIi.sflKxwRJ":                                           "•••",
		"node.key.password: opens nothing":                                       "node.key.password: opens nothing",
		"tx 0xab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12":  "tx 0xab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12",
	} {
		if got, _ := r.Text(text); got != want {
			t.Errorf("%q became\n%q, want\n%q", text, got, want)
		}
	}
}

// TestJSONStaysJSON with its order, and texts are looked at as what they mean.
func TestJSONStaysJSON(t *testing.T) {
	got, taken := New("s\"cr<t\n!").JSON([]byte(`{"z": "a s\"cr\u003ct\n!", "a": ["https://h/?k=v\u0026l=w", 1.50], "https://u:p@h": "\ud800"}`))
	want := `{"z": "a •••", "a": ["https://h/?k=•••&l=•••", 1.50], "https://•••@h": "\ud800"}`
	if string(got) != want || !maps.Equal(taken, Taken{Known: 1, Query: 2, User: 1}) {
		t.Errorf("got %s, %v, want %s", got, taken, want)
	}
}

// FuzzNoTextPanics, and no known secret is left whatever stands around it.
func FuzzNoTextPanics(f *testing.F) {
	f.Add("a ", " b")
	f.Add(`{"a": "http://`, `@x?y#z"}`)
	f.Add("\xff\"\\", "\\u00")
	f.Add(`bc:\x`, "")
	fuzztest.Run(f, func(t *testing.T, before, behind string) {
		const s = "Swordfish-1"
		r := New(s)
		text, _ := r.Text(before + s + behind)
		doc, _ := r.JSON([]byte(before + s + behind))
		if strings.Contains(text, s) || strings.Contains(string(doc), s) {
			t.Errorf("%q and %q have it", text, doc)
		}
	})
}
