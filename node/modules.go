package node

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// The files of modules in the data folder.
const (
	sequencesFile = "module-sequences.json" // the newest release of each module that was ever found
	nativeFolder  = "module-cache"          // native code, authenticated with the node's secret
)

// modules runs the Wasm modules of this process. The engine is made with the first of them: most nodes have none.
type modules struct {
	basics
	id      identity
	worker  []string // see [Options.Compile]
	journal *journal.Journal
	intake  *intake
	spans   *spanSums

	making   chan struct{}  // holds one token while the engine is made, for which a disk may let it wait
	starting sync.WaitGroup // what has begun to load or end a module
	looking  sync.WaitGroup // who looks for a release
	mu       sync.Mutex
	engine   *module.Engine
	known    map[string]standing      // by feed
	last     map[string]chan struct{} // by feed: closed once the last load that began has ended, and what it promised is free
}

// A standing is how it is with the module of a feed.
type standing struct {
	loaded  *module.Module // nil while it does not run
	loading bool           // somebody is at it
	err     error          // why it does not run
}

func newModules(i *intake, id identity, worker []string) *modules {
	return &modules{
		basics: i.basics, id: id, worker: worker, journal: i.journal, intake: i, spans: newSpanSums(),
		making: make(chan struct{}, 1), known: make(map[string]standing), last: make(map[string]chan struct{}),
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

// close ends every module. It must be called after the feeds that use them have ended.
func (m *modules) close(ctx context.Context) error {
	m.starting.Wait()
	looked := make(chan struct{})
	go func() { m.looking.Wait(); close(looked) }()
	select {
	case <-looked:
	case <-time.After(slowLoad): // a share that does not answer must not keep the journal from being closed
		m.log.Warn("a release of a module is still being looked for at the end", "dir", m.config().Modules.Dir)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.engine == nil {
		return nil
	}
	return m.engine.Close(ctx)
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
func (m *modules) look(ctx context.Context, c *config.Config, f config.Feed) (found manifest.Found, err error) {
	s, name := *f.Settings.Module, f.Feed.Name
	m.note(name, standing{loading: true})
	ended := make(chan func(), 1)
	m.looking.Go(func() {
		release, failed := m.find(c, s)
		ended <- func() { found, err = release, failed }
	})
	slow := time.NewTimer(slowLoad)
	defer slow.Stop()
	for {
		select {
		case take := <-ended:
			if take(); err == nil && found.Signed {
				err = manifest.Remember(filepath.Join(c.Node.Data, sequencesFile), found.Manifest)
			}
			m.note(name, standing{err: err})
			return found, err
		case <-slow.C:
			m.log.Warn("a module is still being looked for; its feed makes no rounds until then", "feed", name, "module", s.Name, "version", s.Version, "dir", c.Modules.Dir, "after", slowLoad)
			m.note(name, standing{loading: true, err: fmt.Errorf("it is being looked for; does %s answer?", c.Modules.Dir)})
		case <-ctx.Done():
			m.note(name, standing{})
			return found, ctx.Err()
		}
	}
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

// next returns a channel that is closed once the load before of a feed has ended, and one to close at the end of the next.
func (m *modules) next(feed string) (before, over chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, over = m.last[feed], make(chan struct{})
	if before == nil {
		before = make(chan struct{})
		close(before)
	}
	m.last[feed] = over
	return before, over
}

func (m *modules) loadEnded(feed string, over chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if close(over); m.last[feed] == over {
		delete(m.last, feed)
	}
}
