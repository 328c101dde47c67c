package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/redact"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// canaries are secrets of a configuration, each of which would be known again in any member of an archive.
var canaries = map[string]string{
	"bearer": "CanaryBearer-0", "header": "CanaryHeader-1", "query": "CanaryQuery&=2", "basic": "CanaryBasic-3", "proxy": "CanaryProxy-4",
	"webhook": "CanaryHookHookHookHook-5", "token": "CanaryApiToken-6-0123", "env": "CanaryEnvironment-7", "body": "CanaryBody-8", "url-user": "CanaryUser9",
	"url-password": "CanaryPass:10", "url-query": "CanaryInline11", "url-path": "Canary12InPath0123456789", "rpc": "CanaryRPC13xxxxxxxxxxxxxxxxx", "inline": "CanaryInClear-14",
	"keystore": "CanaryStore-15", "comment": "CanaryComment-16", "params": "CanaryParams-17", "environ": "CanaryEnviron-18",
	"hex": "c0ffee4646464646464646464646464646464646464646464646464646464619",
}

// betrayed is a configuration with a canary wherever one can stand. Its sources and sinks fail, so that what they tell repeats where they went.
const betrayed = `# {comment}
node: {name: gw, data: ./data, key: {file: node.key}}
api: {listen: "127.0.0.1:0", tokens: [{file: token}]}
anchor: {every: 1h}
sources:
  one:
    http:
      url: "http://127.0.0.1:1/v2/{url-path}?symbol=BTC&apikey={url-query}"
      headers: {X-Api-Key: {file: header}, Authorization: "Bearer {inline}"}
      query: {secret: {file: query}}
      every: 1s
  two: {http: {url: "http://127.0.0.1:1/two", bearer: {file: bearer}, method: POST, body: '{"key": "{body}"}', every: 1s}}
  three: {http: {url: "http://127.0.0.1:1/three", basic: {user: somebody, password: {file: basic}}, proxy: {url: "http://127.0.0.1:1", user: proxied, password: {file: proxy}}, every: 1s}}
  four: {http: {url: "http://127.0.0.1:1/four", bearer: {env: PLANTED_ENV}, every: 1s}}
  walk: {sim: {seed: 1, every: 100ms}}
feeds:
  btc: {decimals: 2, every: 1s, from: [one, two, three, four], need: 1}
  walk: {decimals: 2, every: 1s, from: [walk]}
sinks:
  hook: {webhook: {url: "http://127.0.0.1:1/services/{url-path}", secret: {file: webhook}, headers: {X: {file: header}}}}
  chain: {evm: {rpc: ["http://127.0.0.1:1/v3/{rpc}"], chain_id: 31337, contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3", key: {file: node.key}}, feeds: [walk]}
`

// withUser is a host with what belongs into settings of its own.
var withUser = url.UserPassword(canaries["url-user"], canaries["url-password"]).String() + "@127.0.0.1:1/v2"

// betray writes the configuration and the files of its secrets into a folder, and returns the path of the first.
func betray(t testing.TB, dir string) string {
	t.Helper()
	text := betrayed
	for name, canary := range canaries {
		text = strings.ReplaceAll(text, "{"+name+"}", canary)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(canary+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "gateway.yaml")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.WriteFile(filepath.Join(dir, "node.key"), []byte(canaries["hex"]+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// unpacked returns the members of an archive by name, and checks what its list says of them.
func unpacked(t testing.TB, archive []byte) (members map[string]string, list contents) {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	members = map[string]string{}
	for r := tar.NewReader(zipped); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if head.Mode != 0o600 || len(text) > maxMember+1<<20 {
			t.Errorf("%s has mode %o and %d bytes", head.Name, head.Mode, len(text))
		}
		_, name, _ := strings.Cut(head.Name, "/")
		members[name] = string(text)
	}
	if err := json.Unmarshal([]byte(members[manifestFile]), &list); err != nil {
		t.Fatalf("%v in %s", err, members[manifestFile])
	}
	seen := 1
	for _, m := range list.Members {
		text, found := members[m.Name]
		sum := sha256.Sum256([]byte(text))
		switch {
		case found != (m.Missing == ""):
			t.Errorf("%s is there: %t, but the list says that it is missing: %q", m.Name, found, m.Missing)
		case found && (m.SHA256 != hex.EncodeToString(sum[:]) || m.Bytes != len(text)):
			t.Errorf("the list says of %s %d bytes and %s, there are %d and %x", m.Name, m.Bytes, m.SHA256, len(text), sum)
		case found:
			seen++
		}
	}
	if seen != len(members) {
		t.Errorf("%d members, of which the list knows %d", len(members), seen)
	}
	return members, list
}

// noCanary fails if any canary stands in a text, in any coding.
func noCanary(t testing.TB, where, text string) {
	t.Helper()
	for name, canary := range canaries {
		for _, form := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary), hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:len(canary)]} {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(form)); i >= 0 {
				t.Errorf("%s gives the %s away: …%s…", where, name, text[max(0, i-80):min(len(text), i+80)])
			}
		}
	}
	if strings.Contains(strings.ToLower(text), "canary") && !t.Failed() {
		t.Errorf("%s has a part of a canary:\n%s", where, text)
	}
}

// supported runs dodona support here, and returns what it wrote.
func supported(t testing.TB, args ...string) (members map[string]string, list contents) {
	t.Helper()
	var out, talk bytes.Buffer
	if code := execute(context.Background(), append([]string{"support", "--output", "-"}, args...), terminal{in: strings.NewReader(""), out: &out, err: &talk}); code != exitDone {
		t.Fatalf("exit code %d: %s", code, talk.String())
	}
	noCanary(t, "what it says", talk.String())
	members, list = unpacked(t, out.Bytes())
	for name, text := range members {
		noCanary(t, name, text)
	}
	return members, list
}

// missing returns the members that are not there, with the reason.
func missing(list contents) map[string]string {
	out := map[string]string{}
	for _, m := range list.Members {
		if m.Missing != "" {
			out[m.Name] = m.Missing
		}
	}
	return out
}

// TestAnArchiveForSupportHasNoSecret of a node that runs, and repeats in its errors where it went; and once it is down.
func TestAnArchiveForSupportHasNoSecret(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a node")
	}
	if _, err := binary(); err != nil { // before the folder changes
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	path := betray(t, dir)
	t.Setenv("PLANTED_ENV", canaries["env"])
	t.Setenv("SOME_TOKEN", canaries["environ"])
	node := launch(t, dir, "run", path)
	node.awaitURL()
	args := []string{"--config", path, "--api", node.url, "--token", "token"}
	var members map[string]string
	eventually(t, patience, func() error {
		members, _ = supported(t, args...)
		for _, want := range []string{`"one"`, `"two"`, `"three"`, "connection refused", `"hook"`, `"chain"`} {
			if !strings.Contains(members["sources.json"]+members["status.json"], want) {
				return fmt.Errorf("nobody speaks of %s yet: %s %s", want, members["sources.json"], members["status.json"])
			}
		}
		return nil
	})
	_, list := supported(t, args...)
	for name, why := range missing(list) {
		if name != "log.txt" && name != "service.txt" && name != "events.jsonl" {
			t.Errorf("%s is missing beside a node that runs: %s", name, why)
		}
	}
	for name, want := range map[string]string{
		"configuration.yaml": "http://127.0.0.1:1/v2/•••?symbol=•••&apikey=•••", "written.yaml": "bearer: {file: bearer}", "status.txt": "gw", "metrics.txt": "dodona_build_info",
		"process.json": "goroutine profile", "data.txt": "jetstream/", "limits.txt": "Max open files", "machine.txt": "MemTotal", "clock.txt": "now ", "check.txt": "no mistakes",
	} {
		if !strings.Contains(members[name], want) {
			t.Errorf("%s does not say %q:\n%s", name, want, members[name])
		}
	}
	for _, name := range []string{"build.txt", "process.json"} { // whose names of packages look like URLs
		if strings.Contains(members[name], secret.Mask) {
			t.Errorf("%s is not whole:\n%s", name, members[name])
		}
	}
	if code := node.stop(); code != exitDone {
		t.Fatalf("the node ended with %d: %s", code, node.stderr)
	}
	_, list = supported(t, args...)
	gone := missing(list)
	for _, name := range []string{"status.json", "metrics.txt", "process.json"} {
		if !strings.Contains(gone[name], "connection refused") {
			t.Errorf("%s of a node that is down: %q, want that nobody answers", name, gone[name])
		}
	}
	if gone["data.txt"] != "" || gone["configuration.yaml"] != "" {
		t.Errorf("what needs no node is missing: %q", gone)
	}
}

// TestAnArchiveForSupportIsMadeOfWhatIsThere, whatever is wrong with the node's configuration and folder.
func TestAnArchiveForSupportIsMadeOfWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	nobody := []string{"--api", "127.0.0.1:1"}
	for name, c := range map[string]struct {
		spoil func(path string) error
		gone  map[string]string // members that are missing, with what is said of them
		has   map[string]string
	}{
		"unknown key": {func(path string) error {
			return errors.Join(edit(path, "every: 1h", "evry: 1h"), edit(path, "127.0.0.1:1/v2", withUser))
		}, map[string]string{"configuration.yaml": "mistakes"}, map[string]string{"check.txt": `did you mean "every"`, "written.yaml": "sources:"}},
		"no YAML":        {func(path string) error { return edit(path, "sources:", "sources: [") }, map[string]string{"configuration.yaml": "mistakes", "data.txt": "no such file"}, map[string]string{"check.txt": "gateway.yaml:", "written.yaml": "feeds:"}},
		"no text":        {func(path string) error { return os.WriteFile(path, []byte{0xff, 0, 'C', 'a'}, 0o600) }, map[string]string{"configuration.yaml": "mistakes"}, map[string]string{"check.txt": "not UTF-8"}},
		"no file":        {os.Remove, map[string]string{"configuration.yaml": "no such file", "check.txt": "no such file", "data.txt": "no such file"}, nil},
		"a folder":       {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, map[string]string{"check.txt": "not a file"}, nil},
		"no data":        {func(string) error { return nil }, map[string]string{"data.txt": "no such file", "events.jsonl": "no such file"}, map[string]string{"check.txt": "no mistakes"}},
		"data is a file": {func(string) error { return os.WriteFile("data", []byte("x"), 0o600) }, map[string]string{"data.txt": "not a directory"}, nil},
		"no secrets": {func(path string) error {
			return errors.Join(os.Remove("bearer"), os.Remove("webhook"))
		}, nil, map[string]string{manifestFile: "could not be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			path := betray(t, dir)
			if err := c.spoil(path); err != nil {
				t.Fatal(err)
			}
			members, list := supported(t, append(nobody, "--config", path)...)
			gone := missing(list)
			for name, why := range c.gone {
				if !strings.Contains(gone[name], why) {
					t.Errorf("%s: missing because %q, want %q", name, gone[name], why)
				}
			}
			for name, text := range c.has {
				if !strings.Contains(members[name], text) {
					t.Errorf("%s does not say %q:\n%s", name, text, members[name])
				}
			}
		})
	}
}

// edit replaces a text in a file, which must be there.
func edit(path, from, to string) error {
	text, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(text, []byte(from)) {
		err = fmt.Errorf("there is no %q in %s", from, path)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o600)
}

// TestNoTypingErrorPutsASecretIntoTheArchive makes typing errors of one character all over a configuration.
func TestNoTypingErrorPutsASecretIntoTheArchive(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	dir := t.TempDir()
	t.Chdir(dir)
	src, err := os.ReadFile(betray(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(src); i++ {
		if isWord(src[i-1]) && isWord(src[i]) && i%6 != 0 { // inside of words all places are much alike
			continue
		}
		with := []string{"", ":", "\n", "\"", "{", " "}[i%6]
		s := &scene{config: "gateway.yaml", stands: &home{}, written: []byte(string(src[:i]) + with + string(src[i+1-min(1, len(with)):]))}
		s.masked, _ = config.LoadMasked(bytes.NewReader(s.written), s.config, allKinds())
		s.loaded = s.masked.Understood
		s.secrets = redact.New(newSecrets(t.Context(), s).list...)
		for _, p := range parts()[1:4] {
			if text, err := p.make(t.Context(), s); err == nil {
				noCanary(t, fmt.Sprintf("%s with %q at %d", p.name, with, i), string(newMember(p, text, s.secrets).content))
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestAPartThatHangsIsMissingAndCostsNoOther: a disk hears of no deadline. What a part found until its own is kept, and one that ends when
// nobody waits for it any more changes nothing.
func TestAPartThatHangsIsMissingAndCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{}
		mended := make(chan struct{})
		hangs := part{of: func(_ context.Context, s *scene) ([]byte, error) {
			<-mended
			s.away = errors.New("too late")
			return []byte("too late"), nil
		}}
		began := time.Now()
		text, err := hangs.make(t.Context(), s)
		if text != nil || err == nil || !strings.Contains(err.Error(), "no answer within 22s: the disk or the share that it is on hangs") || time.Since(began) > time.Minute {
			t.Errorf("it is %q, %v after %v, want that the disk hangs", text, err, time.Since(began))
		}
		partly := part{of: func(ctx context.Context, s *scene) ([]byte, error) {
			<-ctx.Done()
			s.told = true
			return []byte("some of it"), nil
		}}
		if text, err := partly.make(t.Context(), s); string(text) != "some of it" || err != nil || !s.told {
			t.Errorf("one that hears of its deadline is %q, %v; want what it found", text, err)
		}
		close(mended)
		synctest.Wait()
		if s.away != nil {
			t.Errorf("one that nobody waits for says: %v", s.away)
		}
	})
}

func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }

// TestWhyAPartIsMissingIsToldWhole, on a narrow terminal too, and once.
func TestWhyAPartIsMissingIsToldWhole(t *testing.T) {
	why := "a node writes its log to standard error, and systemd does not keep it here: systemctl: exit status 1: System has not been booted with systemd as init system"
	list := contents{Members: []member{{Name: "small.txt", Is: "a small part", Bytes: 67}, {Name: "log.txt", Is: "the log", Missing: why}, {Name: "service.txt", Is: "the unit", Missing: why}}, Caution: []string{strings.Repeat("look at it ", 20)}}
	var out bytes.Buffer
	if err := (supportCommand{Output: "-"}).tell(terminal{out: &out, columns: func() int { return 80 }}, "", 1, list); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	if strings.Count(text, why) != 1 || !strings.Contains(text, "for the same reason as log.txt") || !strings.Contains(text, "67 B") || strings.Contains(text, "…") {
		t.Errorf("it lists\n%s", &out)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// TestSupportReadsNoFileThatAStrangerNames: who has the port may be anybody, and the archive is given away.
func TestSupportReadsNoFileThatAStrangerNames(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a node")
	}
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"private.yaml": "# the door's word: sesamopen\nnode: {name: hushhush}\n" + hourly,
		"own.yaml":     "api: {listen: \"127.0.0.1:0\"}\nnode: {name: mine}\n" + hourly,
	})
	stranger := standIn(t, "liar", api.Process{PID: os.Getpid(), File: filepath.Join(dir, "private.yaml"), Folder: dir})
	own := launch(t, dir, "run", "own.yaml").awaitURL()
	for _, c := range []struct {
		url, says string
		read      bool
	}{
		{"http://" + stranger, "name it with --config", false},
		{own, "name: mine", true},
	} {
		code, archive, talk := said(t, "support", "--api", c.url, "--unit", "none-such", "--output", "-")
		if code != exitDone {
			t.Fatalf("exit code %d: %s", code, talk)
		}
		members, list := unpacked(t, []byte(archive))
		all := fmt.Sprint(members, list, talk)
		if !strings.Contains(all, c.says) || strings.Contains(all, "hushhush") || strings.Contains(all, "sesamopen") {
			t.Errorf("of the node at %s, want %q and nothing of what is private:\n%.4000s", c.url, c.says, all)
		}
		if _, found := members["written.yaml"]; found != c.read {
			t.Errorf("of the node at %s: the configuration is there: %v, want %v", c.url, found, c.read)
		}
	}
}
