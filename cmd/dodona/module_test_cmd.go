package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
)

// testEnding is how the names of files with tests of modules end.
const testEnding = "_test.yaml"

// A moduleTest is a file with tests of one module: NAME_test.yaml beside NAME.wasm.
type moduleTest struct {
	Module  string                  // the Wasm, beside this file; default: NAME.wasm
	Params  map[string]string       // of the feed
	Grants  []string                // as dodona module run --grant
	From    map[string]extract.Rule // the points that the feed asks for, and the pointers to their numbers
	Fetches map[string]struct {     // what http_get finds, by URL; another URL is answered with 404
		Status int // default: 200
		Body   string
		File   string
	}
	Cases []moduleCase

	path string
}

// A moduleCase is one event, and what must become of it.
type moduleCase struct {
	Name     string
	Inputs   []moduleInput
	Readings string    // a file of readings, as dodona source read --json prints them
	Round    time.Time // default: when the newest reading arrived, or else the start of 2026
	Params   map[string]string
	From     map[string]extract.Rule
	State    map[string]string // that the module finds

	Points []expectedPoint
	Output string // if it is given
	Cause  string // of the failure that is expected: fuel, trap, guest …
	Error  string // a part of its text
}

// A moduleInput is one reading: its body stands here or in a file.
type moduleInput struct {
	Source   string // default: input
	Item     string
	Body     string
	File     string
	Type     string    // default: by the file's name, or application/json
	Received time.Time // default: the round
	Time     time.Time // of the source; default: none
	Quality  dodona.Quality
}

// An expectedPoint is compared by what it says: reason and time only if they are given.
type expectedPoint struct {
	ID      string
	Value   dodona.Decimal
	Unit    string
	Quality dodona.Quality
	Reason  string
	Time    time.Time
}

type moduleTestCommand struct {
	Paths []string `arg:"" optional:"" help:"Files whose names end in _test.yaml, or folders with such files. Default: the current folder." placeholder:"PATH"`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// A tested is what became of one file.
type tested struct {
	File   string       `json:"file"`
	Module string       `json:"module"`
	Cases  []testedCase `json:"cases"`
}

type testedCase struct {
	Name string `json:"name"`
	Pass bool   `json:"pass"`
	trialResult
	Diff []string `json:"diff,omitempty"` // lines of - want and + got
}

// Run exits with 1 if a case failed, and with 2 if a file is wrong or a module is refused.
func (c moduleTestCommand) Run(ctx context.Context, term terminal) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	files, err := testFiles(c.Paths)
	if err != nil {
		return failure{exitUsage, err}
	}
	all := []tested{}
	failed, total := 0, 0
	for _, file := range files {
		result, err := testModule(ctx, file)
		if err != nil {
			return mistakes(term, err)
		}
		all = append(all, result)
		for _, k := range result.Cases {
			total++
			if !k.Pass {
				failed++
			}
		}
		if !c.JSON {
			result.print(term)
		}
	}
	if c.JSON {
		if err := printJSON(term.out, all); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(term.out, "%s, %d failed\n", count(total, "case"), failed)
	}
	if failed > 0 {
		return failure{code: exitFailed}
	}
	return nil
}

// testFiles returns the files with tests that paths name.
func testFiles(paths []string) (files []string, err error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := filepath.Glob(filepath.Join(path, "*"+testEnding))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("no *%s in %s; dodona module new LANG writes a module with one", testEnding, path)
		}
		files = append(files, found...)
	}
	return files, nil
}

// readTest reads a file with tests.
func readTest(path string) (*moduleTest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	test := moduleTest{path: path}
	if err := config.Decode(f, path, &test); err != nil {
		return nil, err
	}
	if test.Module == "" {
		base, found := strings.CutSuffix(filepath.Base(path), testEnding)
		if !found {
			return nil, fmt.Errorf("%s: which module? say module: FILE, or call the file NAME%s", path, testEnding)
		}
		test.Module = base + ".wasm"
	}
	if len(test.Cases) == 0 {
		return nil, fmt.Errorf("%s: no cases: want cases: with a list of inputs and points", path)
	}
	return &test, nil
}

// beside returns the path of a file that is named relative to the test.
func (m *moduleTest) beside(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(m.path), file)
}

func testModule(ctx context.Context, path string) (tested, error) {
	result := tested{File: path}
	test, err := readTest(path)
	if err != nil {
		return result, err
	}
	result.Module = test.Module
	for i, k := range test.Cases {
		if k.Name == "" {
			k.Name = fmt.Sprintf("case %d", i+1)
		}
		one, err := test.try(ctx, k)
		if err != nil {
			return result, fmt.Errorf("%s: %s: %w", path, k.Name, err)
		}
		result.Cases = append(result.Cases, one)
	}
	return result, nil
}

// try runs one case. Parameters belong to a loaded module, so every case loads it.
func (m *moduleTest) try(ctx context.Context, k moduleCase) (testedCase, error) {
	t, err := readTrial(m.beside(m.Module), nil, true)
	if err != nil {
		return testedCase{}, fmt.Errorf("%w; build the module first", err)
	}
	g, err := parseGrants(m.Grants, m.beside)
	if err != nil {
		return testedCase{}, err
	}
	if err := m.record(&g, k); err != nil {
		return testedCase{}, err
	}
	t.spec.Params = merged(m.Params, k.Params)
	if err := t.load(ctx, g); err != nil {
		t.close(context.WithoutCancel(ctx))
		return testedCase{}, err
	}
	defer t.close(context.WithoutCancel(ctx))
	readings, round, err := m.readings(k)
	if err != nil {
		return testedCase{}, err
	}
	ev, err := t.event(ctx, round, readings, merged(m.From, k.From))
	if err != nil {
		return testedCase{}, err
	}
	got := testedCase{Name: k.Name, trialResult: t.run(ctx, ev)}
	got.Diff = k.compare(got.trialResult)
	if again := t.run(ctx, ev); again.Fuel != got.Fuel || fmt.Sprint(again.Points) != fmt.Sprint(got.Points) {
		got.Diff = append(got.Diff, fmt.Sprintf("  the same event again took fuel %s and gave %v: it depends on more than its input", thousands(again.Fuel), again.Points))
	}
	got.Pass = len(got.Diff) == 0
	return got, nil
}

// record puts into the grants what the file says that the module finds.
func (m *moduleTest) record(g *grants, k moduleCase) error {
	g.fetches = map[string]fetched{}
	for url, f := range m.Fetches {
		answer := fetched{status: f.Status, body: []byte(f.Body)}
		if answer.status == 0 {
			answer.status = 200
		}
		if f.File != "" {
			var err error
			if answer.body, err = readFile(m.beside(f.File), 16<<20); err != nil {
				return err
			}
		}
		g.fetches[url] = answer
	}
	for key, value := range k.State {
		if g.state == nil {
			g.state = map[string][]byte{}
		}
		g.state[key] = []byte(value)
	}
	return nil
}

// readings returns what a case gives to the module, and the round.
func (m *moduleTest) readings(k moduleCase) ([]dodona.Reading, dodona.Round, error) {
	var list []dodona.Reading
	if k.Readings != "" {
		raw, err := readFile(m.beside(k.Readings), 16<<20)
		if err != nil {
			return nil, 0, err
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, 0, fmt.Errorf("%s: %w; want what dodona source read --json prints", k.Readings, err)
		}
	}
	round := k.Round
	for _, r := range list {
		if k.Round.IsZero() && r.Received.After(round) {
			round = r.Received
		}
	}
	if round.IsZero() {
		round = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for _, in := range k.Inputs {
		r, err := in.reading(m.beside, round)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, 0, errors.New("no inputs: a module is not run without a reading")
	}
	return list, dodona.RoundAt(round), nil
}

func (in moduleInput) reading(beside func(string) string, round time.Time) (dodona.Reading, error) {
	r := dodona.Reading{
		Source: in.Source, Item: in.Item, Body: []byte(in.Body), ContentType: in.Type,
		SourceTime: in.Time, Received: in.Received, Quality: in.Quality,
	}
	if r.Source == "" {
		r.Source = "input"
	}
	if err := dodona.CheckName(r.Source, 1); err != nil {
		return r, fmt.Errorf("source: %w", err)
	}
	if r.Received.IsZero() {
		r.Received = round
	}
	if in.File != "" && in.Body != "" {
		return r, errors.New("an input has both body and file")
	}
	if in.File != "" {
		var err error
		if r.Body, err = readFile(beside(in.File), 16<<20); err != nil {
			return r, err
		}
	}
	if r.ContentType == "" {
		r.ContentType = contentType(in.File + ".json"[min(len(in.File), 5):])
	}
	return r, nil
}

// merged returns a with what b says above it.
func merged[V any](a, b map[string]V) map[string]V {
	out := map[string]V{}
	for _, m := range []map[string]V{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
