package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

type moduleTestCommand struct {
	Paths []string `arg:"" optional:"" help:"Files whose names end in _test.yaml, modules with such a file beside them, or folders; otherwise the current folder." placeholder:"PATH"`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// A tested is what became of one file.
type tested struct {
	File   string       `json:"file"`
	Module string       `json:"module"`
	Cases  []testedCase `json:"cases"`

	limits manifest.Limits
}

type testedCase struct {
	Name string `json:"name"`
	Pass bool   `json:"pass"`
	trialResult
	Diff []string `json:"diff,omitempty"` // lines of - want and + got
}

// Run exits with 1 if a case failed, and with 2 if a file is wrong or a module is refused.
func (c moduleTestCommand) Run(ctx context.Context, term terminal) error {
	files, err := testFiles(c.Paths)
	if err != nil {
		return failure{exitUsage, err}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	bench, err := newTestBench(ctx)
	if err != nil {
		return err
	}
	defer bench.close(context.WithoutCancel(ctx))
	all := []tested{}
	failed, total := 0, 0
	for _, file := range files {
		result, err := bench.test(ctx, file)
		if err != nil {
			return refusedTest(ctx, term, err)
		}
		all = append(all, result)
		for _, k := range result.Cases {
			total++
			if !k.Pass {
				failed++
			}
		}
		if !c.JSON {
			if err := result.print(term.out); err != nil {
				return err
			}
		}
	}
	if c.JSON {
		err = printJSON(term.out, all)
	} else {
		_, err = fmt.Fprintf(term.out, "%s, %d failed\n", count(total, "case"), failed)
	}
	if err == nil && failed > 0 {
		return failure{code: exitFailed}
	}
	return err
}

func refusedTest(ctx context.Context, term terminal, err error) error {
	if list := (*strict.MistakesError)(nil); errors.As(err, &list) {
		fmt.Fprintln(term.err, list.Text("it was not tested"))
		return failure{code: exitUsage}
	}
	if ctx.Err() != nil {
		return err
	}
	return failure{exitUsage, err}
}

// testFiles returns the files with tests that paths name.
func testFiles(paths []string) (files []string, err error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		if base, found := strings.CutSuffix(path, ".wasm"); found {
			path = base + testEnding
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
			if strings.HasSuffix(e.Name(), testEnding) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("no *%s in %s; dodona module new LANG makes a module with one", testEnding, path)
		}
	}
	return files, nil
}

// A testBench runs tests: what it has compiled for one case it has for the next.
type testBench struct {
	dir    string
	engine *module.Engine
}

func newTestBench(ctx context.Context) (b testBench, err error) {
	if b.dir, err = os.MkdirTemp("", "dodona-test-"); err != nil {
		return b, fmt.Errorf("make folder for compiled modules: %w", err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	if b.engine, err = sandboxWith(ctx, module.Options{Dir: b.dir, Key: key}); err != nil {
		b.close(ctx)
	}
	return b, err
}

// close is best effort: what is left in a temporary folder is nobody's loss.
func (b testBench) close(ctx context.Context) {
	if b.engine != nil {
		_ = b.engine.Close(ctx)
	}
	_ = os.RemoveAll(b.dir)
}

// test runs the cases of one file.
func (b testBench) test(ctx context.Context, path string) (tested, error) {
	result := tested{File: path}
	test, err := readTest(path)
	if err != nil {
		return result, err
	}
	result.Module = test.Module
	result.limits = manifest.Limits{Pages: test.Limits.Pages, Fuel: test.Limits.Fuel, Depth: test.Limits.Depth}.WithDefaults()
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
func (b testBench) try(ctx context.Context, test *moduleTest, k moduleCase) (got testedCase, err error) {
	g, err := test.granted(k)
	if err != nil {
		return got, err
	}
	t, err := unsignedTrial(test.beside(test.Module), test.Limits, g.Capabilities)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: build the module first", err)
	}
	if err != nil {
		return got, err
	}
	spec, err := t.spec(g, merged(test.Params, k.Params))
	if err != nil {
		return got, err
	}
	readings, round, err := test.readings(k)
	if err != nil {
		return got, err
	}
	ev, err := trialEvent(ctx, round, readings, merged(test.From, k.From))
	if err != nil {
		return got, err
	}
	got.Name = k.Name
	got.trialResult, err = b.tryTwice(ctx, spec, ev)
	got.Diff = k.compare(got.trialResult)
	got.Pass = len(got.Diff) == 0
	return got, err
}

// tryTwice gives a module an event, and makes sure that it answers the same when it gets it again.
func (b testBench) tryTwice(ctx context.Context, spec module.Spec, ev module.Event) (trialResult, error) {
	m, err := b.engine.Load(ctx, spec)
	if failed := (*module.Error)(nil); errors.As(err, &failed) { // in its initialisation, which a case may expect
		r := trialResult{Points: []dodona.Point{}, Calls: map[string]int{}}
		r.fail(failed)
		return r, nil
	}
	if err != nil {
		return trialResult{}, err
	}
	defer func() { _ = m.Close(context.WithoutCancel(ctx)) }() // its events are over
	first, again := tryEvent(ctx, m, ev), tryEvent(ctx, m, ev)
	if ctx.Err() != nil {
		return first, ctx.Err()
	}
	if first.Fuel != again.Fuel || !slices.Equal(first.Points, again.Points) {
		return first, fmt.Errorf("the same event again took fuel %d instead of %d, and gave %v instead of %v: please report this, it is a bug in Dodona", again.Fuel, first.Fuel, again.Points, first.Points)
	}
	return first, nil
}
