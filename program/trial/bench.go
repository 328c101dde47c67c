package trial

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program"
)

// A Tested is what became of one file.
type Tested struct {
	File   string       `json:"file"`
	Module string       `json:"module"`
	Cases  []TestedCase `json:"cases"`

	Limits manifest.Limits `json:"-"` // under which the cases ran
}

// A TestedCase is what became of one case.
type TestedCase struct {
	Name string `json:"name"`
	Pass bool   `json:"pass"`
	Result
	Diff []string `json:"diff,omitempty"` // lines of - want and + got
}

// Files returns the files with tests that paths name.
func Files(paths []string) (files []string, err error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		if base, found := strings.CutSuffix(path, ".wasm"); found {
			path = base + Ending
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), Ending) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("no *%s in %s; dodona module new LANG makes a module with one", Ending, path)
		}
	}
	return files, nil
}

// A Bench runs tests: what it has compiled for one case it has for the next.
type Bench struct {
	dir      string
	engine   *module.Engine
	kinds    []Kind
	decoders program.Decoders
}

// NewBench returns a bench whose engine open makes: with a folder for what is compiled. Kinds are those of the sources that
// tests may have.
func NewBench[K Kind](ctx context.Context, open func(context.Context, module.Options) (*module.Engine, error), kinds ...K) (b Bench, err error) {
	b.kinds, b.decoders = decoding(kinds), program.DecodersOf(kinds...)
	if b.dir, err = os.MkdirTemp("", "dodona-test-"); err != nil {
		return b, fmt.Errorf("make folder for compiled modules: %w", err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	if b.engine, err = open(ctx, module.Options{Dir: b.dir, Key: key}); err != nil {
		b.Close(ctx)
	}
	return b, err
}

// Close is best effort: what is left in a temporary folder is nobody's loss.
func (b Bench) Close(ctx context.Context) {
	if b.engine != nil {
		_ = b.engine.Close(ctx)
	}
	_ = os.RemoveAll(b.dir)
}

// Test runs the cases of one file.
func (b Bench) Test(ctx context.Context, path string) (Tested, error) {
	result := Tested{File: path}
	test, err := readTest(path, b.kinds)
	if err != nil {
		return result, err
	}
	result.Module = test.Module
	result.Limits = manifest.Limits{Pages: test.Limits.Pages, Fuel: test.Limits.Fuel, Depth: test.Limits.Depth}.WithDefaults()
	for _, k := range test.Cases {
		one, err := b.try(ctx, test, k)
		if err != nil {
			return result, fmt.Errorf("%s: %s: %w", path, k.Name, err)
		}
		result.Cases = append(result.Cases, one)
	}
	return result, nil
}

// try runs one case. Parameters belong to a loaded module, so every case loads it.
func (b Bench) try(ctx context.Context, test *suite, k testCase) (got TestedCase, err error) {
	g, err := test.granted(k)
	if err != nil {
		return got, err
	}
	t, err := Unsigned(test.beside(test.Module), test.Limits, g.Capabilities)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: build the module first", err)
	}
	if err != nil {
		return got, err
	}
	spec, err := t.Spec(g, merged(test.Params, k.Params))
	if err != nil {
		return got, err
	}
	readings, round, err := test.readings(k)
	if err != nil {
		return got, err
	}
	ev, err := Event(ctx, round, readings, merged(test.From, k.From), Own{test.Sources.decoded, b.decoders})
	if err != nil {
		return got, err
	}
	got.Name = k.Name
	got.Result, err = b.tryTwice(ctx, spec, ev)
	got.Diff = k.compare(got.Result)
	got.Pass = len(got.Diff) == 0
	return got, err
}

// tryTwice gives a module an event, and makes sure that it answers the same when it gets it again.
func (b Bench) tryTwice(ctx context.Context, spec module.Spec, ev module.Event) (Result, error) {
	m, err := b.engine.Load(ctx, spec)
	if failed := (*module.Error)(nil); errors.As(err, &failed) { // in its initialisation, which a case may expect
		return Failed(failed), nil
	}
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = m.Close(context.WithoutCancel(ctx)) }() // its events are over
	first, again := Try(ctx, m, ev), Try(ctx, m, ev)
	if ctx.Err() != nil {
		return first, ctx.Err()
	}
	if first.Fuel != again.Fuel || !slices.Equal(first.Points, again.Points) {
		return first, fmt.Errorf("the same event again took fuel %d instead of %d, and gave %v instead of %v: please report this, it is a bug in Dodona", again.Fuel, first.Fuel, again.Points, first.Points)
	}
	return first, nil
}
