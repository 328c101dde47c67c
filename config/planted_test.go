package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink/evm"
	"github.com/dodona-oracle/dodona/sink/webhook"
)

// Where a secret may be planted: in a URL, which may have been mistyped, in a setting, which may be the wrong one.
var (
	plantedAnywhere = []string{ // what looks like a secret by itself
		"9aa3d95b3bc440fa88ea12eaa4456161", "9aa3d95b3bc4", "abc123DEF456", "8f14e45f-ceea-467f-a0c0-1234567890ab", "ghp_abcdefGH12345678", "12345678:AAbb-ccDDee",
		"eyJhbGciOi.eyJzdWIiOi.sflKxwRJSM", "xoxb-1234-swordfish", "glpat-swordfish_1",
	}
	plantedBehind = append([]string{"swordfish", "s3cr3t", "SWORD-fish", "sword%20fish", "0x12ab"}, plantedAnywhere...) // and what does by its place
	urlsByPlace   = []string{
		"a.example/hook/%s", "a.example/hooks/1/%s/x", "a.example/v1/key/%s", "a.example/api_token/%s/price", "a.example/v1?x=%s", "a.example/v1?%s", "a.example/v1?a=b&token=%s&c=d",
		"a.example/v1#%s", "a.example#token=%s", "a.example/?x#access_token=%s&y", "%s@a.example/v1", "me:%s@a.example/v1", "a.example/x;key=%s/y", "a.example/key//%s", "a.example/v1/key%%2F%s",
	}
	urlsByLook = []string{"a.example/v2/%s", "a.example:8545/%s", "a.example/%s/price", "10.0.0.1:80/%s"}
	schemes    = []string{"https://", "http://", "https:/", "http//", "htps://", ""}
	quotes     = []string{`"%s"`, `'%s'`, "%s"}
	settings   = []string{ // %s is a URL
		"sources: {a: {http: {url: %s, tmeout: 3s}}}\nfeeds: {f: {from: [a]}}",
		"sources: {a: {http: {url: 'https://a.example/key/\"%s\"', tmeout: 3s}}}\nfeeds: {f: {from: [a]}}",
		"sources: {a: {http: {timeout: 3x, endpoint: %s}}}\nfeeds: {f: {from: [a]}}",
		"sources: {a: {http: {url: 'https://a.example/', timeout: %s}}}\nfeeds: {f: {from: [a]}}",
		"sources: {a: {http: %s}}\nfeeds: {f: {from: [a]}}",
		"sources: {a: %s}\nfeeds: {f: {from: [a]}}",
		"sources:\n  a:\n    http:\n      url: %s\n      methd: GET\n    value: $.x\nfeeds: {f: {from: [a]}}",
		"sources: {a: {http: {url: 'https://a.example/', proxy: %s}}}\nfeeds: {f: {from: [a]}}",
		"sources: {src: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [%s], every: 1x}}",
		"sources: {src: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [src.%s], every: 1x}}",
		"sources: {a: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [a], every: %s}}",
		"sources: {a: {http: {url: 'https://a.example/', bearer: %[1]s}, value: %[1]s}}\nfeeds: {f: {from: [a], every: %[1]s}}",
		sinking("{evm: {rpc: [%s], contract: '0x12', key: {file: k}}}"),
		sinking("{evm: {url: %s, contract: '0x12', key: {file: k}}}"),
		sinking("{evm: {rpc: %s, contract: oracle.eth, key: {fil: k}}}"),
		sinking("{evm: {rpc: [https://r.example], contract: %s, max_fee: %[1]s}}"),
		sinking("{webhook: %s}"),
		sinking("{webhook: {url: %s, give_up: 1x}}"),
		sinking("{webhook: {uri: %s}, feeds: [g]}"),
		sinking("%s"),
		"journal: {url: %s}\nsources: {a: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [a]}}",
		"modules: {proxy: %s}\nsources: {a: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [a]}}",
		"endpoint: %s\nsignature_key: {file: k}\nevry: 3s",
		"sources: {a: {http: {url: %[1]s}}, a: {http: {url: %[1]s}}}\nfeeds: {f: {from: [a]}",
	}
)

func sinking(sink string) string {
	return "sources: {a: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [a]}}\nsinks: {o: " + sink + "}"
}

// toldOf returns all that is said of a configuration.
func toldOf(t *testing.T, src string) string {
	t.Helper()
	kinds := append(shipped(), config.KindsOf(evm.Kind, webhook.Kind)...)
	c, err := config.LoadFor(strings.NewReader(src), "f.yaml", kinds, nil)
	var out bytes.Buffer
	var mistakes *strict.MistakesError
	switch {
	case errors.As(err, &mistakes):
		fmt.Fprint(&out, err, mistakes.Mistakes, mistakes.Warnings, mistakes.Fit(60))
	case err != nil:
		t.Fatalf("%s: %v", src, err)
	default:
		_ = strict.WriteWarnings(&out, c.Warnings) // a buffer never fails
		long, err := c.Expand(kinds)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		out.Write(long)
	}
	return out.String()
}

// TestNoPlantedSecretIsShown of many shapes, in many places of a URL that stands in many places of a configuration, however that is mistyped.
func TestNoPlantedSecretIsShown(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	choice := func(list []string) string { return list[random.IntN(len(list))] }
	try := func(planted, url, setting, quote string) {
		src := fmt.Sprintf(setting, fmt.Sprintf(quote, url)) + "\n"
		if told := toldOf(t, src); strings.Contains(told, planted) {
			t.Errorf("seed %d: %q is shown of\n%s\n%s", seed, planted, src, told)
		}
	}
	each := func(planted, url string) {
		for _, setting := range settings {
			try(planted, choice(schemes[:2])+fmt.Sprintf(url, planted), setting, choice(quotes))
			long := choice(schemes[:2]) + strings.Replace(fmt.Sprintf(url, planted), "/", "/"+strings.Repeat("abc/", random.IntN(30)), 1) // which messages cut
			try(planted, long, setting, choice(quotes))
			if scheme := choice(schemes); scheme != "" || !strings.Contains(url, "@") && !strings.HasPrefix(url, "a.example#") {
				try(planted, scheme+fmt.Sprintf(url, planted), setting, choice(quotes))
			}
		}
	}
	for _, url := range urlsByPlace {
		each(choice(plantedBehind), url)
	}
	for _, planted := range plantedAnywhere {
		each(planted, choice(urlsByLook))
	}
}
