package config_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

func TestLoadWarnsOfPathsThatAShellWouldReadDifferently(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"node: {data: ~/dodona}", "node.data is taken as it stands: ~"},
		{`node: {data: ./data, key: {file: "${HOME}/key.json"}}`, "node.key.file is taken as it stands: $"},
		{"modules: {dir: $HOME/modules}", "modules.dir is taken as it stands: $"},
		{"modules: {trust: ~/trust.json}", "modules.trust is taken as it stands: ~"},
		{"modules: {unsigned: true}\nfeeds: {f: {decimals: 1, every: 1s, from: [s], module: {name: m, version: 1.0.0, allow: {files: $HOME/tables}}}}", "files is taken as it stands: $"},
		{`sources: {s: {file: {path: "/var/log/*.jsonl", format: lines}}}`, ""},
		{`sources: {s: {file: {path: "~/log/*.jsonl", format: lines}}}`, "path is taken as it stands: ~"},
		{`sources: {s: {file: {path: "${LOGDIR}/*.jsonl", format: lines}}}`, "path is taken as it stands: $"},
		{"node: {data: '/var/lib/*'}", "node.data is taken as it stands: *"},
		{"sources: {s: {file: {path: '%LOGS%/app.jsonl'}}}", "path is taken as it stands: %"},
		{"sources: {s: {file: {path: “/var/log/app.jsonl”}}}", "path is taken as it stands: the quote"},
		{"sources: {s: {http: {url: 'https://api.example', bearer: {file: ~/token}}}}", "bearer.file is taken as it stands: ~"},
		{"sources: {s: {http: {url: 'https://api.example', headers: {X-Key: {file: ~/token}}}}}", "headers.X-Key.file is taken as it stands: ~"},
		{"sources: {s: {file: {path: /var/log/a$.50%~.jsonl}}}", ""},
		{"sources: {s: {http: {url: 'https://api.example/~me?x=*', headers: {path: '*'}}}}", ""},
	} {
		text := c.text
		if !strings.HasPrefix(text, "sources") {
			text += "\nsources: {s: {file: {path: a.json}}}"
		}
		read, err := config.Load(strings.NewReader(text), "dodona.yaml", kinds())
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var said []string
		for _, w := range read.Warnings {
			if strings.Contains(w.Message, "as it stands") {
				said = append(said, w.Message)
			}
		}
		if got := strings.Join(said, "\n"); (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) || len(said) > 1 {
			t.Errorf("%s: warnings %q, want one that begins with %q", c.text, said, c.want)
		}
	}
}
