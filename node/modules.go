package node

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/patience"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program"
)

// The files of modules in the data folder.
const (
	sequencesFile = "module-sequences.json" // the newest release of each module that was ever found
	nativeFolder  = "module-cache"          // native code, authenticated with the node's secret
)

// modules runs the Wasm modules of this process. The engine is made with the first of them: most nodes have none.
type modules struct {
	basics
	id       identity
	worker   []string // see [Options.Compile]
	decoders program.Decoders
	journal  *journal.Journal
	intake   *intake
	spans    *spanSums

	making chan struct{}  // holds one token while the engine is made, for which a disk may let it wait
	looks  patience.Turns // for releases
	loads  patience.Turns // and ends of modules, by feed

	mu     sync.Mutex
	engine *module.Engine
	known  map[string]standing // by feed
}

// endsWithin bounds how long a module's end is waited for, and then, once more, all that still hangs when the node ends: who starts
// containers kills after ten seconds.
const endsWithin = 4 * time.Second

// asksAnew is how long a share that does not answer is waited for before it is asked beside that: it may be mounted anew.
const asksAnew = time.Minute

// A standing is how it is with the module of a feed.
type standing struct {
	loaded  *module.Module // nil while it does not run
	loading bool           // somebody is at it
	err     error          // why it does not run
}

func newModules(i *intake, id identity, o Options) *modules {
	return &modules{
		basics: i.basics, id: id, worker: o.Compile, decoders: program.DecodersOf(o.Kinds...), journal: i.journal, intake: i, spans: newSpanSums(),
		making: make(chan struct{}, 1), known: make(map[string]standing),
	}
}

// opened returns the engine.
func (m *modules) opened(ctx context.Context) (*module.Engine, error) {
	select {
	case m.making <- struct{}{}:
		defer func() { <-m.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m.mu.Lock()
	engine := m.engine
	m.mu.Unlock()
	if engine != nil {
		return engine, nil
	}
	c := m.config()
	secret := hmac.New(sha256.New, m.id.salts[:])
	secret.Write([]byte("native code of modules"))
	engine, err := module.New(ctx, module.Options{
		Dir: filepath.Join(c.Node.Data, nativeFolder), Key: secret.Sum(nil), Worker: m.worker,
		Memory: int64(c.Modules.Memory), Sample: c.Modules.Sample(), Spans: m.spans.add,
		Recorder: m.recorder, Log: m.log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the sandbox: %w", err)
	}
	m.mu.Lock()
	m.engine = engine
	m.mu.Unlock()
	return engine, nil
}

// close ends every module. It must be called after the feeds that use them have ended. What a disk or a share lets hang is told and left: it must
// not keep the journal from being closed.
func (m *modules) close(ctx context.Context) error {
	until, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	feeds := m.loads.Wait(until)
	looks := m.looks.Wait(until)
	if len(feeds)+len(looks) > 0 {
		m.log.Warn("a disk or a share does not answer; what waits for it is left behind at the end", "looked for", looks, "loaded or ended for", feeds)
	}
	m.mu.Lock()
	engine := m.engine
	m.mu.Unlock()
	if engine == nil || len(feeds) > 0 {
		return nil // the engine would wait for them
	}
	return engine.Close(ctx)
}

// note remembers how it is with the module of a feed, until that has ended.
func (m *modules) note(feed string, s standing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s == (standing{}) {
		delete(m.known, feed)
		return
	}
	m.known[feed] = s
}

// look finds the release that a feed names, for as long as ctx lasts: what keeps it, a share say, may never answer. The release is
// remembered as the newest only if somebody still waits for it.
func (m *modules) look(ctx context.Context, c *config.Config, f config.Feed) (manifest.Found, error) {
	s, name := *f.Settings.Module, f.Feed.Name
	m.note(name, standing{loading: true})
	found, err := patience.Await(ctx, &m.looks, patience.Task[manifest.Found]{
		Name:   fmt.Sprintf("%s %s in %s for feed %s", s.Name, s.Version, c.Modules.Dir, name),
		Do:     func() (manifest.Found, error) { return m.find(c, s) },
		Beside: asksAnew,
		Slow: func() {
			m.log.Warn("a module is still being looked for; its feed makes no rounds until then", "feed", name, "module", s.Name, "version", s.Version, "dir", c.Modules.Dir, "after", patience.SlowAfter)
			m.note(name, standing{loading: true, err: fmt.Errorf("it is being looked for; does %s answer?", c.Modules.Dir)})
		},
	})
	if ctx.Err() != nil {
		m.note(name, standing{})
		return found, ctx.Err()
	}
	if err == nil && found.Signed {
		err = manifest.Remember(filepath.Join(c.Node.Data, sequencesFile), found.Manifest)
	}
	m.note(name, standing{err: err})
	return found, err
}

// find reads and verifies the release that a feed names.
func (m *modules) find(c *config.Config, s feed.Module) (manifest.Found, error) {
	store := manifest.Store{
		Dir: c.Modules.Dir, Unsigned: c.Modules.Unsigned, Now: m.now,
	}
	if c.Modules.Trust != "" {
		trust, err := manifest.OpenTrust(c.Modules.Trust)
		if err != nil {
			return manifest.Found{}, fmt.Errorf("read modules.trust %s: %w", c.Modules.Trust, err)
		}
		store.Trust = &trust
	}
	found, err := store.Find(s.Name, s.Version)
	if errors.Is(err, fs.ErrNotExist) {
		return found, fmt.Errorf("%w: put %s-%s.wasm and its .json there (dodona module sign writes both), or correct modules.dir", err, s.Name, s.Version)
	}
	return found, err
}

// retried returns units with the feeds as changed whose module does not run: a reload tries it again, unless that is under way. An attempt that
// takes longer than the time between two reloads would never come to its end.
func (m *modules) retried(units config.Units, next *config.Config) config.Units {
	m.mu.Lock()
	defer m.mu.Unlock()
	equal := units.Equal
	units.Equal = nil
	for _, name := range equal {
		f, found := next.Feed(name)
		if s := m.known[name]; found && f.Settings.Module != nil && s.loaded == nil && !s.loading {
			units.Changed = append(slices.Clip(units.Changed), name)
			continue
		}
		units.Equal = append(units.Equal, name)
	}
	return units
}

// statuses returns the modules of all feeds, in the order of the configuration.
func (m *modules) statuses() []api.ModuleStatus {
	m.mu.Lock()
	known := maps.Clone(m.known)
	m.mu.Unlock()
	list := make([]api.ModuleStatus, 0)
	for _, f := range m.config().Feeds {
		s := f.Settings.Module
		if s == nil {
			continue
		}
		told := api.ModuleStatus{Feed: f.Feed.Name, Name: s.Name, Version: s.Version}
		at := known[f.Feed.Name]
		told.Loading = at.loading
		if at.err != nil {
			told.LastError = at.err.Error()
		}
		if running := at.loaded; running != nil {
			status := running.Status()
			told.Running, told.Digest, told.Events, told.Instances = true, status.Digest, status.Events, status.Instances
			told.MeanUS, told.LastError = float64(status.Mean)/float64(time.Microsecond), status.LastError
			for _, n := range status.Failed {
				told.Failed += n
			}
			told.Functions = m.spans.of(s.Name + " " + s.Version)
		}
		list = append(list, told)
	}
	return list
}
