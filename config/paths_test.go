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
		{"sources: {s: {file: {path: 'file:///var/log/a.json'}}}", "path is taken as it stands: file:"},
		{"node: {data: ./data, key: {file: 'file:key.json'}}", "node.key.file is taken as it stands: file:"},
		{"sources: {s: {file: {path: 's3://bucket/a.json'}}}", "path is taken as it stands: the scheme"},
		{`sources: {s: {file: {path: 'C:\logs\a.json'}}}`, "path is taken as it stands: the drive"},
		{`sources: {s: {file: {path: '/var/my\ logs/a.json'}}}`, `path is taken as it stands: \`},
		{`sources: {s: {file: {path: '/var/a\[1\].jsonl', format: lines}}}`, ""},
		{"sources: {s: {file: {path: '/var/{{ inventory_hostname }}.json'}}}", "path is taken as it stands: the template"},
		{"node: {data: '/var/`hostname`'}", "node.data is taken as it stands: the backtick"},
		{"node: {data: /var/lib/%i}", "node.data is taken as it stands: %"},
		{"sources: {s: {file: {path: '/var/app-%Y-%m-%d.jsonl', format: lines}}}", "path is taken as it stands: %"},
		{"sources: {s: {file: {path: '/var/app-YYYY-MM-DD.jsonl', format: lines}}}", "path is taken as it stands: the date"},
		{"sources: {s: {file: {path: '/var/app%20log.json'}}}", "path is taken as it stands: the coded character"},
		{"sources: {s: {file: {path: '/var/{a,b}.jsonl', format: lines}}}", "path is taken as it stands: what stands in braces"},
		{"sources: {s: {file: {path: '/var/log/**.jsonl', format: lines}}}", "path is taken as it stands: **"},
		{"node: {data: ./data, key: {file: <path to key>}}", "node.key.file is taken as it stands: what stands between < and >"},
		{"sources: {s: {http: {url: 'https://api.example', bearer: {file: '@token'}}}}", "bearer.file is taken as it stands: @"},
		{"node: {data: ./data, key: {file: /path/to/…}}", "node.key.file is taken as it stands: the ellipsis"},
		{"node: {data: __DATA__}", "node.data is taken as it stands: the placeholder"},
		{"node: {data: 'env:DATA'}", "node.data is taken as it stands: env"},
		{"sources: {s: {file: {path: '/var/log/a.json '}}}", "path is taken as it stands: the blank before or behind it"},
		{"sources:\n  s:\n    file:\n      path: |\n        /var/log/a.json\n", "path is taken as it stands: the blank before or behind it"},
		{"sources: {s: {file: {path: '/var/a.json,'}}}", "path is taken as it stands: the last sign"},
		{"sources: {s: {file: {path: '/var/a.json, /var/b.json'}}}", "path is taken as it stands: what sets several paths apart"},
		{"sources: {s: {file: {path: /var/log/}}}", "path is taken as it stands: the / at its end"},
		{"node: {data: /var/lib/dodona/}", ""},
		{"modules: {dir: /var/lib/dodona/modules/}", ""},
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
