package fuzztest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestInputsAreOtherAndBounded(t *testing.T) {
	m := mutator{rand.New(rand.NewPCG(1, 2)), nil}
	args := []reflect.Value{
		reflect.ValueOf([]byte("seed")), reflect.ValueOf("text"), reflect.ValueOf(true), reflect.ValueOf(int16(-7)),
		reflect.ValueOf(uint8(7)), reflect.ValueOf(1.5), reflect.ValueOf('x'), reflect.ValueOf(uint64(1)),
	}
	m.keep(args)
	changed := make([]int, len(args))
	for range 20_000 {
		out := m.mutated(args)
		for i, v := range out {
			if v.Type() != args[i].Type() {
				t.Fatalf("argument %d is a %s, want a %s", i, v.Type(), args[i].Type())
			}
			if !reflect.DeepEqual(v.Interface(), args[i].Interface()) {
				changed[i]++
			}
		}
		if n := out[0].Len(); n > maxSize {
			t.Fatalf("an input of %d bytes", n)
		}
	}
	for i, n := range changed {
		if n < 500 {
			t.Errorf("argument %d changed %d times", i, n)
		}
	}
	if string(args[0].Bytes()) != "seed" {
		t.Errorf("the seed is %q now", args[0].Bytes())
	}
}

// FuzzFound has a fault that the generator is to find, when a test asks for it.
func FuzzFound(f *testing.F) {
	f.Add([]byte("GET /x"), uint16(3))
	Run(f, func(t *testing.T, b []byte, n uint16) {
		if os.Getenv("DODONA_TEST_FAULT") != "" && bytes.HasPrefix(b, []byte("GE")) && len(b) > 2 && b[2] != 'T' && n > 1000 {
			panic("found")
		}
	})
}

func TestAFaultIsFoundAndItsInputShown(t *testing.T) {
	run := func(env ...string) string {
		c := exec.Command(os.Args[0], "-test.run", "^FuzzFound$", "-test.v")
		c.Env = append(os.Environ(), env...)
		out, _ := c.CombinedOutput() // it fails
		return string(out)
	}
	out := run("DODONA_FUZZ=100000", "DODONA_FUZZ_SEED=1", "DODONA_TEST_FAULT=1")
	if !strings.Contains(out, "panic: found") || !regexp.MustCompile(`go test fuzz v1\s+\[\]byte\("GE[^T].*"\)\s+uint16\(\d{4,}\)`).MatchString(out) {
		t.Errorf("it says\n%s", out)
	}
	if out := run("DODONA_FUZZ=100000"); !regexp.MustCompile(`FuzzFound: 100000 executions of 100000 in \d+ ms of a processor, seed \d+`).MatchString(out) {
		t.Errorf("it says\n%s", out)
	}
	if out := run("DODONA_FUZZ=100000000", "DODONA_FUZZ_CPU=50ms"); !regexp.MustCompile(`FuzzFound: \d{1,7} executions of 100000000 in`).MatchString(out) || !strings.Contains(out, "\nPASS") {
		t.Errorf("it says\n%s", out)
	}
}
