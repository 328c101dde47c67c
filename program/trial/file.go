package trial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// Ending is how the names of files with tests of modules end.
const Ending = "_test.yaml"

// A suite is a file with tests of one module: NAME_test.yaml beside NAME.wasm.
type suite struct {
	Module  string                  // the Wasm, beside this file; default: NAME.wasm
	Limits  Limits                  // pages, fuel and depth
	Params  map[string]string       // of the feed
	Grants  []string                // as dodona module run --grant
	From    map[string]extract.Rule // the points that the feed asks for, and the pointers to their numbers
	Sources sources                 // whose kinds make points of their readings themselves
	Fetches map[string]fetch        // what http_get finds, by URL; another URL is answered with 404
	Cases   []testCase

	path string
}

// A fetch is what a server is said to have answered.
type fetch struct {
	Status int // default: 200
	Body   string
	File   string // instead of Body
}

// A testCase is one event, and what must become of it.
type testCase struct {
	Name     string
	Inputs   []input
	Readings string    // a file of readings, as dodona source read --json prints them
	Round    time.Time // default: when the newest of Readings arrived, or else the start of 2026
	Params   map[string]string
	From     map[string]extract.Rule
	State    map[string]string // that the module finds

	Points []expectedPoint
	Output string        // if it is given
	Cause  expectedCause // of the failure that is expected
	Error  string        // a part of its text
}

// A input is one reading: its body stands here or in a file.
type input struct {
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

// An expectedCause is a cause that an event can have here.
type expectedCause module.Cause

var expectedCauses = []string{
	string(module.CauseFuel), string(module.CauseDepth), string(module.CauseTrap), string(module.CausePointer),
	string(module.CauseGuest), string(module.CauseExit),
}

// UnmarshalText refuses a cause that there is not, so that a misspelt one is told as such.
func (c *expectedCause) UnmarshalText(text []byte) error {
	if !slices.Contains(expectedCauses, string(text)) {
		return fmt.Errorf("%q: want one of %s", text, strings.Join(expectedCauses, ", "))
	}
	*c = expectedCause(text)
	return nil
}

// readTest reads a file with tests.
func readTest(path string, kinds []Kind) (*suite, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	test := suite{path: path, Sources: sources{kinds: kinds}}
	if err := strict.Decode(f, path, &test); err != nil {
		return nil, err
	}
	return &test, test.complete()
}

// complete fills in the module's and the cases' names.
func (m *suite) complete() error {
	if m.Module == "" {
		base, found := strings.CutSuffix(filepath.Base(m.path), Ending)
		if !found {
			return fmt.Errorf("%s: which module? say module: FILE, or call the file NAME%s", m.path, Ending)
		}
		m.Module = base + ".wasm"
	}
	if len(m.Cases) == 0 {
		return fmt.Errorf("%s: no cases: want cases: with a list of inputs and points", m.path)
	}
	for i := range m.Cases {
		k := &m.Cases[i]
		if k.Name == "" {
			k.Name = fmt.Sprintf("case %d", i+1)
		}
		if len(k.Inputs) == 0 && k.Readings == "" {
			return fmt.Errorf("%s: %s: no inputs: a module is not run without a reading", m.path, k.Name)
		}
	}
	return nil
}

// beside returns the path of a file that is named relative to the test.
func (m *suite) beside(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(m.path), file)
}

// body returns text, or what the file holds.
func (m *suite) body(text, file string) ([]byte, error) {
	switch {
	case file == "":
		return []byte(text), nil
	case text != "":
		return nil, errors.New("both body and file: want one of them")
	}
	return manifest.ReadFile(m.beside(file), MaxInput)
}
