package config_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestAPointWithoutAPointerIsWarnedOfOnce: where a server chooses the document, and neither guards nor a module say what is meant.
func TestAPointWithoutAPointerIsWarnedOfOnce(t *testing.T) {
	for text, want := range map[string]string{
		"s: {http: {url: 'https://a.example'}}":                                                         `1:11: source "s": "s" has no pointer: it is the only number of whatever is answered`,
		"s: {http: {url: 'https://a.example'}, value: {scale: 0.1}}":                                    `"s" has no pointer`,
		"s: {http: {url: 'https://a.example'}, points: {a: {scale: 0.1}}}":                              `"s.a" has no pointer`,
		"s: {http: {url: 'https://a.example'}, value: ''}":                                              "",
		"s: {http: {url: 'https://a.example'}, value: {pointer: '', scale: 0.1}}":                       "",
		"s: {http: {url: 'https://a.example'}, points: {a: {pointer: ''}}}":                             "",
		"s: {http: {url: 'https://a.example'}, value: /price}":                                          "",
		"s: {http: {url: 'https://a.example'}, points: {a: /price}}":                                    "",
		"s: {http: {url: 'https://a.example'}, value: {time: /ts, where: {/symbol: BTC}}}":              "",
		"s: {file: {path: /sys/class/thermal/thermal_zone0/temp}, value: {scale: 0.001}}":               "",
		"s: {http: {url: 'https://a.example'}}, unasked: {http: {url: 'https://b.example'}, value: /b}": `"s" has no pointer`,
	} {
		from := "s"
		if strings.Contains(text, "a: ") && strings.Contains(text, "points") {
			from = "s.a"
		}
		c := mustLoad(t, "sources: {"+text+"}\nfeeds: {a: {every: 1s, from: ["+from+"]}, b: {every: 2s, from: ["+from+"]}}\n")
		count, said := 0, ""
		for _, w := range c.Warnings {
			if strings.Contains(w.Message, "no pointer") {
				count, said = count+1, fmt.Sprint(w)
			}
		}
		if want == "" && count != 0 || want != "" && (count != 1 || !strings.Contains(said, want)) {
			t.Errorf("%s: %d warnings, the last %q, want one: %q", text, count, said, want)
		}
	}
}
