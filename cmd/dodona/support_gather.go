package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	turns "github.com/dodona-oracle/dodona/internal/patience"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/redact"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

// A scene is where a node is looked at.
type scene struct {
	client
	config  string         // the file; empty: there is none
	written []byte         // what it holds
	unread  error          // why it could not be read
	masked  config.Masked  //
	loaded  *config.Config // as far as it was understood; nil if it was not
	data    string         // the data folder; empty if nothing says which
	unit    service        // its name; the rest is there once service was called
	stands  *home          // where the node runs; nil: nobody looked yet
	known   bool           // the node that is asked runs by the configuration
	told    bool           // it has told something of itself
	pid     int            // of the node on this machine; 0: it is not known

	secrets *redact.Redactor
	unknown []string // where secrets are that could not be read, and so are not known
	away    error    // why the node does not answer, once that is known
}

// A part is one thing to know of a node.
type part struct {
	name string // of its file
	is   string // for people
	kind partKind
	of   func(ctx context.Context, s *scene) ([]byte, error)
}

// A partKind says what matters in a part.
type partKind int

const (
	ordinary partKind = iota
	late              // the last of it matters most
	ofCode            // it names packages, functions and control groups, all of the program's own making
)

// partTime bounds how long one part may take, and partGrace how much later it is given up, if it does not hear that: what it found until then
// is better than nothing.
const (
	partTime  = 20 * time.Second
	partGrace = 2 * time.Second
	fileTime  = 5 * time.Second // of a small file that is read beside them
)

// parts returns all there is to know.
func parts() []part {
	return []part{
		{"build.txt", "version, how it was built, libraries", ofCode, buildPart},
		{"check.txt", "what check says of the configuration", ordinary, checkPart},
		{"configuration.yaml", "the configuration with every default, secrets out", ordinary, configurationPart},
		{"written.yaml", "the configuration as it stands, secrets and comments out", ordinary, writtenPart},
		{"status.txt", "what status shows", ordinary, statusPart},
		{"status.json", "the same, for programs", ordinary, answer("/v1/status")},
		{"feeds.json", "each feed as it stands", ordinary, list("/v1/feeds", func(p api.FeedPage) ([]api.FeedStatus, string) { return p.Feeds, p.Next })},
		{"sources.json", "each source as it stands", ordinary, list("/v1/sources", func(p api.SourcePage) ([]api.SourceStatus, string) { return p.Sources, p.Next })},
		{"metrics.txt", "what it measures", ordinary, metricsPart},
		{"process.json", "its memory, and where each goroutine stands", ofCode, answer("/v1/process")},
		{"events.jsonl", "the last events in its journal", late, eventsPart},
		{"log.txt", "the last of its log, from the system's journal", late, logPart},
		{"service.txt", "its unit of systemd as it stands", ordinary, servicePart},
		{"data.txt", "names, sizes and ages of the files it keeps", ordinary, dataPart},
		{"limits.txt", "limits and use of its process and control group", ofCode, limitsPart},
		{"machine.txt", "kernel, memory, load, disks", ordinary, machinePart},
		{"clock.txt", "the clock, and whether somebody sets it", ordinary, clockPart},
		{"environment.txt", "which variables that matter are set, not to what", ordinary, environmentPart},
	}
}

// gathered is what was found of a node.
type gathered struct {
	members []member
	caution []string
}

// look finds out where the node is, and which secrets must not leave.
func (c supportCommand) look(ctx context.Context, stdin io.Reader) (*scene, error) {
	s, err := c.scene(ctx, stdin, c.Unit)
	if s == nil {
		return nil, err
	}
	s.away = err
	if s.config == "" { // the node says it, if it is here
		s.readNamed(ctx)
	}
	if c.Config == "" && s.config == "" && isFile(serviceConfig) {
		s.read(serviceConfig, nil)
	}
	s.service(ctx)
	if s.loaded != nil {
		if err := s.mistaken(ctx); err != nil {
			s.away = err
		}
		s.data = s.there(ctx, s.loaded.Node.Data)
		s.pid, _ = unhung(ctx, fileTime, func() (int, error) { return holderOf(s.data), nil })
	}
	s.pid = cmp.Or(s.pid, s.home(ctx).pid, s.unit.pid)
	known := newSecrets(ctx, s)
	s.secrets, s.unknown = redact.New(known.list...), known.unread
	return s, nil
}

// readNamed reads the configuration that the node itself names, if a process of this user, of root or of the service is seen to run by it. Whoever
// has the port could name any file, and have what this user may read of it given away.
func (s *scene) readNamed(ctx context.Context) {
	p, err := s.process(ctx)
	if err != nil || !isFile(p.File) {
		return
	}
	if slices.ContainsFunc(processesBy(p.File), func(h home) bool { return s.believed(ctx, h.pid) }) {
		s.read(p.File, nil)
		return
	}
	s.unread = fmt.Errorf("who answers at %s says that it runs by %s, and no process of this user, of root or of the service is seen to: that file is not read for a stranger's word; "+
		"if it is the right one, name it with --config", s.url, printable(p.File))
}

// maxConfig is more than a configuration has.
const maxConfig = 1<<20 + 1

// readWhole reads a configuration; - is standard input. What is no file might never end.
func readWhole(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(stdin, maxConfig))
	}
	if path == "" {
		return nil, errors.New("no configuration is named (--config FILE), and there is no " + serviceConfig)
	}
	return readSome(path, maxConfig)
}

// readSome reads at most most bytes of a file, and of nothing else.
func readSome(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, secret.Denied(err, path)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// gather makes all parts, one after the other. One that fails is missing, and says why.
func gather(ctx context.Context, s *scene) gathered {
	var g gathered
	taken := redact.Taken{}
	for _, p := range parts() {
		text, err := p.make(ctx, s)
		if err != nil {
			why, of := s.secrets.Text(err.Error())
			taken.Add(of)
			g.members = append(g.members, member{Name: p.name, Is: p.is, Missing: plain.Line(why, maxLine)})
			continue
		}
		m := newMember(p, text, s.secrets)
		taken.Add(m.Taken)
		g.members = append(g.members, m)
	}
	g.caution = s.caution()
	return g
}

// make makes one part; neither a bug in one nor a disk that hangs may cost the others.
func (p part) make(ctx context.Context, s *scene) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	own := *s // for it may still be at work when nobody waits for it
	text, err := unhung(ctx, partTime+partGrace, func() (text []byte, err error) {
		defer func() {
			if crash := recover(); crash != nil {
				err = fmt.Errorf("a bug in dodona support: %v\n%s", crash, debug.Stack())
			}
		}()
		return p.of(limited, &own)
	})
	if errors.Is(err, errHangs) {
		return nil, err
	}
	*s = own
	if err == nil && len(bytes.TrimSpace(text)) == 0 {
		err = errors.New("there is nothing of it")
	}
	return text, err
}

// errHangs: what was begun may never end, so do not touch what it has.
var errHangs = errors.New("no answer")

// unhung does what a disk or a share may let hang, and waits no longer than most for it.
func unhung[T any](ctx context.Context, most time.Duration, do func() (T, error)) (T, error) {
	type outcome struct {
		made T
		err  error
	}
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	o, err := turns.Await(limited, new(turns.Turns), turns.Task[outcome]{Do: func() (outcome, error) {
		made, err := do()
		return outcome{made, err}, nil
	}})
	if err != nil {
		return o.made, fmt.Errorf("%w within %s: the disk or the share that it is on hangs", errHangs, unit.FormatDuration(most))
	}
	return o.made, o.err
}

// caution says what to look at before the archive is given away.
func (s *scene) caution() []string {
	list := []string{
		"taken out is what the configuration calls a secret, wherever it stands, users and query values of URLs, and what looks like a token; " +
			"look for what only you know to be private in log.txt, events.jsonl and status.json: names of hosts and files, texts of your sources, values",
	}
	if s.told && !s.known && s.loaded != nil {
		list = append(list, fmt.Sprintf("nobody could tell whether the node at %s runs by %s: if it does not, its own secrets were not looked for", s.url, s.config))
	}
	for _, where := range s.unknown {
		line, _ := s.secrets.Text("not looked for, because it could not be read: " + where)
		list = append(list, plain.Line(line, maxLine))
	}
	return list
}

func buildPart(context.Context, *scene) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "dodona %s\n", release)
	if info, found := debug.ReadBuildInfo(); found {
		b.WriteString(info.String())
	}
	for _, kind := range allKinds() {
		fmt.Fprintf(&b, "kind\t%s\n", kind.Name())
	}
	return []byte(b.String()), nil
}

// checkPart says what is wrong with the configuration, as check does.
func checkPart(_ context.Context, s *scene) ([]byte, error) {
	if s.unread != nil {
		return nil, s.unread
	}
	c, err := s.loaded, s.masked.Mistakes
	if err == nil {
		err = node.Check(c)
	}
	if err != nil {
		return []byte(err.Error() + "\n"), nil
	}
	var b bytes.Buffer
	if err := strict.WriteWarnings(&b, s.masked.Warnings); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "%s: %s, %s, %s, no mistakes\n", s.config, count(len(c.Sources), "source"), count(len(c.Feeds), "feed"), count(len(c.Sinks), "sink"))
	return b.Bytes(), nil
}

// configurationPart is the long form of the configuration.
func configurationPart(_ context.Context, s *scene) ([]byte, error) {
	if s.unread != nil {
		return nil, s.unread
	}
	if s.masked.Mistakes != nil {
		return nil, errors.New("it has mistakes, see check.txt and written.yaml")
	}
	tree, err := s.loaded.Tree(allKinds())
	if err != nil {
		return nil, err
	}
	hidePrivate(tree, false)
	return tree.YAML(), nil
}

// writtenPart is the configuration as it stands.
func writtenPart(_ context.Context, s *scene) ([]byte, error) {
	if s.unread != nil {
		return nil, s.unread
	}
	if s.masked.Text == "" {
		return nil, errors.New("nothing of it can be shown: it is larger than a configuration may be, or has more secrets than can be told from the rest")
	}
	return []byte(s.masked.Text), nil
}

// ask is [client.ask], but a node that did not answer is not asked again.
func (s *scene) ask(ctx context.Context, path, accept string) ([]byte, error) {
	if s.away != nil {
		return nil, s.away
	}
	body, err := s.client.ask(ctx, http.MethodGet, path, accept)
	if own := (*refusalError)(nil); err != nil && !errors.As(err, &own) {
		s.away = err
	}
	s.told = s.told || err == nil
	return body, err
}

// answer is a part that a running node tells.
func answer(path string) func(context.Context, *scene) ([]byte, error) {
	return func(ctx context.Context, s *scene) ([]byte, error) {
		body, err := s.ask(ctx, path, "application/json")
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		err = printRaw(&out, body)
		return out.Bytes(), err
	}
}

// list is a part that a running node tells in pages.
func list[P, T any](path string, of func(P) ([]T, string)) func(context.Context, *scene) ([]byte, error) {
	return func(ctx context.Context, s *scene) ([]byte, error) {
		if s.away != nil {
			return nil, s.away
		}
		all, err := pages(ctx, s.client, path, of)
		if err != nil {
			return nil, err
		}
		text, err := json.MarshalIndent(all, "", "  ")
		return append(text, '\n'), err
	}
}

func statusPart(ctx context.Context, s *scene) ([]byte, error) {
	if s.away != nil {
		return nil, s.away
	}
	if _, err := s.ask(ctx, "/v1/status", "application/json"); err != nil {
		return nil, err
	}
	seen, err := statusCommand{}.look(ctx, s.client)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Join(seen.lines(140, 0, true, false), "\n") + "\n"), nil
}

func metricsPart(ctx context.Context, s *scene) ([]byte, error) {
	return s.ask(ctx, "/metrics", "text/plain")
}

// lastEvents is how many events are told.
const lastEvents = 2000

func eventsPart(ctx context.Context, s *scene) ([]byte, error) {
	if err := s.knowsData(ctx); err != nil {
		return nil, err
	}
	if s.loaded.Journal.URL != "" {
		return nil, errors.New("the journal is on a server elsewhere (journal.url)")
	}
	events, err := node.Events(ctx, s.data, lastEvents)
	if err != nil && len(events) == 0 {
		return nil, err
	}
	if len(events) == 0 {
		return nil, errors.New("no event is in the journal")
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, t := range events {
		if err := encoder.Encode(t); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// knowsData says why nothing can be said of the data folder.
func (s *scene) knowsData(ctx context.Context) error {
	if s.unread != nil {
		return s.unread
	}
	if s.data == "" {
		return errors.New("the configuration cannot be understood, and says where it is")
	}
	_, err := os.ReadDir(s.data)
	if err != nil && !filepath.IsAbs(s.loaded.Node.Data) {
		return fmt.Errorf("%w (%s; --config names the file that the node runs by)", err, s.begins(ctx))
	}
	return err
}
