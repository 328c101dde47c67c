package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A kind is a kind of source that observes nothing: its settings are all that matters here.
type kind struct {
	name  string
	fresh func() any
}

func (k kind) Name() string  { return k.name }
func (k kind) Settings() any { return k.fresh() }
func (k kind) Check(settings any) error {
	if c, ok := settings.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

func (kind) Decodes() bool                                 { return false }
func (kind) Rules(any) (map[string]json.RawMessage, error) { return nil, nil }
func (kind) Decode(map[string]json.RawMessage) (dodona.Transform, error) {
	return nil, errors.ErrUnsupported
}

type httpSettings struct {
	URL     string                   `yaml:"url"`
	Headers map[string]secret.String `yaml:"headers,omitempty"`
	Bearer  secret.String            `yaml:"bearer,omitempty"`
	Every   time.Duration            `yaml:"every,omitempty"`
	Timeout time.Duration            `yaml:"timeout,omitempty"`
	MaxSize unit.Size                `yaml:"max_size,omitempty"`
	Retry   *bool                    `yaml:"retry,omitempty"`
}

func (s *httpSettings) Largest() unit.Size { return s.MaxSize }

func (s *httpSettings) Check() error {
	if s.URL == "" {
		return errors.Join(errors.New("url: missing, want one such as https://example.org/price.json"))
	}
	if u, err := url.Parse(s.URL); err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("url: want one such as https://example.org/price.json")
	}
	return nil
}

type fileSettings struct {
	Path   string        `yaml:"path" path:"pattern"`
	Format string        `yaml:"format,omitempty"`
	Every  time.Duration `yaml:"every,omitempty"`
	Mode   int8          `yaml:"mode,omitempty"`
}

func kinds() config.Kinds {
	return config.KindsOf(
		kind{"http", func() any { return &httpSettings{Timeout: 5 * time.Second, MaxSize: unit.MiB} }},
		kind{"file", func() any { return &fileSettings{Format: "document"} }},
	)
}

func load(t *testing.T, file string) (*config.Config, error) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return config.Load(bytes.NewReader(src), filepath.Base(file), kinds())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./config -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return list
}

func TestMistakesSayWhatWhereAndWhatNow(t *testing.T) {
	for _, file := range files(t, "testdata/bad/*.yaml") {
		c, err := load(t, file)
		var mistakes *strict.MistakesError
		if !errors.As(err, &mistakes) || c != nil {
			t.Errorf("%s: got %v, %v; want mistakes", file, c, err)
			continue
		}
		got := err.Error() + "\n"
		golden(t, strings.TrimSuffix(file, ".yaml")+".txt", got)
		for _, leak := range []string{"swordfish", "sword fish", "4c0883a6"} {
			if strings.Contains(got, leak) {
				t.Errorf("%s: the secret %q is printed:\n%s", file, leak, got)
			}
		}
	}
}

func TestExpandedFilesLoadEqual(t *testing.T) {
	for _, file := range files(t, "testdata/good/*.yaml") {
		c, err := load(t, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		long, err := c.Expand(kinds())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var out bytes.Buffer
		if err := strict.WriteWarnings(&out, c.Warnings); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(file, ".yaml")+".txt", out.String()+"---\n"+string(long))
		again, err := config.Load(bytes.NewReader(long), "expanded", kinds())
		if strings.Contains(string(long), secret.Mask) {
			if err == nil {
				t.Errorf("%s: a file whose secrets were taken out was loaded", file)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", file, err, long)
			continue
		}
		if changes := config.Diff(c, again); changes.String() != "nothing changed" {
			t.Errorf("%s: after Expand: %s\n%s", file, changes, long)
		}
		same(t, file, c, again)
	}
}

// same compares everything but the file's name and what was said of it.
func same(t *testing.T, file string, a, b *config.Config) {
	t.Helper()
	x, y := *a, *b
	x.Name, x.SHA256, x.Warnings, x.TwoLine = "", "", nil, false
	y.Name, y.SHA256, y.Warnings, y.TwoLine = "", "", nil, false
	if !reflect.DeepEqual(x, y) {
		t.Errorf("%s: expanded and loaded again:\n%+v\nwant\n%+v", file, y, x)
	}
}
