package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// score is what became of the mutants of a package.
type score struct {
	pkg       string
	of, tried int // of all that there are; not all compile
	survivors []mutant
	rest      map[string]bool // keys of what was not tried
}

func (s score) percent() float64 {
	if s.tried == 0 {
		return 100
	}
	return 100 * float64(s.tried-len(s.survivors)) / float64(s.tried)
}

func (s score) String() string {
	return fmt.Sprintf("%d of %d mutants killed (%.0f %%), of %d", s.tried-len(s.survivors), s.tried, s.percent(), s.of)
}

// try tries mutants of the package that name begins with, by its tests and those of the others that name names.
func try(o options, temp, name string) (score, error) {
	with := strings.Split(name, "+")
	s := score{pkg: with[0], rest: map[string]bool{}}
	all, err := ofPackage(s.pkg)
	if err != nil {
		return s, err
	}
	s.of = len(all)
	var suites []*suite
	for i, pkg := range with {
		suite, err := measure(filepath.Join(temp, fmt.Sprint(i)), s.pkg, pkg, o.short)
		if err != nil {
			return s, err
		}
		suites = append(suites, suite)
	}
	sample(all, o.seed)
	chosen := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return !strings.Contains(m.key(), o.only) })
	for len(chosen) > 0 && (o.most == 0 || s.tried < o.most) {
		n := len(chosen)
		if o.most > 0 {
			n = min(n, o.most-s.tried)
		}
		if err := s.batch(temp, chosen[:n], suites); err != nil {
			return s, err
		}
		chosen = chosen[n:]
	}
	for _, m := range chosen {
		s.rest[m.key()] = true
	}
	slices.SortFunc(s.survivors, func(a, b mutant) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.from, b.from), cmp.Compare(a.is, b.is))
	})
	return s, nil
}

// batch tries mutants, those in functions all in one build.
func (s *score) batch(temp string, batch []mutant, suites []*suite) error {
	woven, err := weave(batch)
	if err != nil {
		return err
	}
	binaries, err := woven.build(temp, s.pkg, suites)
	if err != nil {
		return err
	}
	for i, suite := range suites { // a test may fail of the weaving alone, as one that counts allocations
		for by := suite.run(binaries[i], 0, suite.tests); by != ""; by = suite.run(binaries[i], 0, suite.tests) {
			left := slices.DeleteFunc(suite.tests, func(t *one) bool { return t.name == by })
			if len(left) == len(suite.tests) {
				return fmt.Errorf("tests of %s end by %s without a mutant", suite.pkg, by)
			}
			fmt.Printf("left out   %s %s: it fails without a mutant\n", suite.pkg, by)
			suite.tests = left
		}
	}
	for _, m := range batch {
		var fate fate
		var by string
		if number := woven.numbers[m.key()]; woven.failed[m.key()] {
			continue
		} else if number > 0 {
			fate, by = m.face(number, binaries, suites)
		} else if fate, by, err = m.meet(temp, suites); err != nil {
			return err
		}
		if fate == notCompiled {
			continue
		}
		s.tried++
		fmt.Printf("%-9s %s:%d %s%s\n", fate, m.file, m.line, strings.TrimPrefix(m.key(), m.file+" "), by)
		if fate == survived || fate == unseen {
			s.survivors = append(s.survivors, m)
		}
	}
	return nil
}

// face runs the tests that come by a mutant which is woven in.
func (m mutant) face(number int, binaries []string, suites []*suite) (fate, string) {
	end := unseen
	for i, s := range suites {
		tests := s.passing(m)
		if len(tests) == 0 {
			continue
		}
		if by := s.run(binaries[i], number, tests); by != "" {
			return killed, " by " + by
		}
		end = survived
	}
	return end, ""
}

// ofPackage returns the mutants of the files that a package is built of here.
func ofPackage(pkg string) ([]mutant, error) {
	out, err := output("go", "list", "-json=GoFiles", "./"+pkg)
	if err != nil {
		return nil, err
	}
	var listed struct{ GoFiles []string }
	if err := json.Unmarshal(out, &listed); err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range listed.GoFiles {
		file := filepath.Join(pkg, name)
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found, err := mutants(pkg, file, text)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// sample brings mutants into an order that depends on the seed and on each one's key, and on nothing beside it.
func sample(all []mutant, seed uint64) {
	rank := func(m mutant) uint64 {
		h := fnv.New64a()
		h.Write(binary.BigEndian.AppendUint64(nil, seed))
		h.Write([]byte(m.key()))
		return h.Sum64() * 0x9e3779b97f4a7c15 >> 8 // the first bits of FNV hardly know the last letters
	}
	slices.SortStableFunc(all, func(a, b mutant) int { return cmp.Compare(rank(a), rank(b)) })
}

type fate string

const (
	killed      fate = "killed"
	survived    fate = "survived"
	unseen      fate = "unseen" // no test comes by
	notCompiled fate = "not compiled"
)

// meet builds the tests with the mutant alone, in the place of its file, and runs those that come by.
func (m mutant) meet(temp string, suites []*suite) (fate, string, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", "", err
	}
	file := filepath.Join(temp, "mutant.go")
	if err := os.WriteFile(file, m.apply(text), 0o644); err != nil {
		return "", "", err
	}
	real, err := filepath.Abs(m.file)
	if err != nil {
		return "", "", err
	}
	overlay := filepath.Join(temp, "overlay.json")
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {real: file}})
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(overlay, replaced, 0o644); err != nil {
		return "", "", err
	}
	end := unseen
	for _, s := range suites {
		tests := s.passing(m)
		if len(tests) == 0 {
			continue
		}
		binary := filepath.Join(temp, "mutant.test")
		if _, err := output("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./"+s.pkg); err != nil {
			return notCompiled, "", nil
		}
		if by := s.run(binary, 0, tests); by != "" {
			return killed, " by " + by, nil
		}
		end = survived
	}
	if end == unseen { // what does not compile is no mutant
		if _, err := output("go", "build", "-overlay", overlay, "-o", os.DevNull, "./"+m.pkg); err != nil {
			return notCompiled, "", nil
		}
	}
	return end, "", nil
}

// output runs a command and returns what it wrote; its errors have what it wrote to standard error.
func output(name string, args ...string) ([]byte, error) {
	out, err := exec.Command(name, args...).Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(ended.Stderr))
	}
	return out, err
}
