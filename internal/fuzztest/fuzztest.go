// Package fuzztest runs fuzz targets in two ways: by the engine of Go (go test -fuzz), and, where DODONA_FUZZ says how many executions, as a
// plain test that makes so many inputs of the seeds with a generator of its own. That learns nothing from what the code does, but costs
// no processes and no instrumented build, so that every target can be run each time.
package fuzztest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The environment: how many executions, and the seed of the generator; without one it is another one each time, and printed.
const (
	executions = "DODONA_FUZZ"
	seedOf     = "DODONA_FUZZ_SEED"
	atMost     = "DODONA_FUZZ_CPU" // how much processor time a target may take, such as 5s: what it did then is told
)

// Run fuzzes fn, a func(*testing.T, …) as [testing.F.Fuzz] takes it. It is called last in a fuzz target, instead of that.
func Run[F any](f *testing.F, fn F) {
	f.Helper()
	n, _ := strconv.Atoi(os.Getenv(executions))
	if n <= 0 {
		f.Fuzz(fn)
		return
	}
	seed, err := strconv.ParseUint(os.Getenv(seedOf), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	limit, _ := time.ParseDuration(os.Getenv(atMost))
	began := processorTime()
	m := &many{fn: reflect.ValueOf(fn), left: n, until: began + limit, limited: limit > 0, seeds: seedsOf(f), mutator: mutator{rand.New(rand.NewPCG(seed, 0)), nil}}
	m.raw, _ = any(fn).(func(*testing.T, []byte))
	f.Fuzz(reflect.MakeFunc(m.fn.Type(), m.call).Interface())
	f.Logf("%s: %d executions of %d in %d ms of a processor, seed %d", f.Name(), m.done, n, (processorTime() - began).Milliseconds(), seed)
	if m.done < n && !f.Failed() && !m.late {
		f.Errorf("%d executions, want %d: does the target skip inputs, which ends them? let it return", m.done, n)
	}
}

// seedsOf returns how many seeds a target has: those that it added, and those that are kept in files.
func seedsOf(f *testing.F) int {
	files, _ := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name())) // most have none
	return max(1, reflect.ValueOf(f).Elem().FieldByName("corpus").Len()+len(files))
}

// A many runs a target on a seed, and then on what is made of it.
type many struct {
	fn    reflect.Value
	raw   func(*testing.T, []byte) // fn, if it is such a one: a call by reflection takes half a microsecond
	left  int                      // executions
	seeds int                      // that are still to come
	done  int

	limited, late bool
	until         time.Duration // of processor time
	mutator
}

// processorTime returns how long this process has computed.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m *many) call(args []reflect.Value) []reflect.Value {
	t := args[0].Interface().(*testing.T)
	now := args
	over := false
	defer func() {
		if !over && (t.Failed() || !t.Skipped()) {
			t.Logf("it was given %s", shown(now[1:]))
		}
	}()
	m.fn.Call(args)
	m.done++
	share, until := max(0, m.left-1)/max(1, m.seeds), m.until
	if m.limited {
		now := processorTime()
		until = now + (m.until-now)/time.Duration(max(1, m.seeds))
	}
	m.seeds--
	m.left -= share + 1
	m.keep(args[1:])
	for i := range share {
		if m.limited && i%64 == 63 && processorTime() > until {
			m.late = true
			break
		}
		now = append(now[:1:1], m.mutated(args[1:])...)
		if m.raw != nil {
			m.raw(t, now[1].Bytes())
		} else {
			m.fn.Call(now)
		}
		m.done++
		if t.Failed() {
			break
		}
	}
	over = !t.Failed()
	return nil
}

// shown writes what a target was given as a file of testdata/fuzz has it.
func shown(args []reflect.Value) string {
	var b strings.Builder
	b.WriteString("go test fuzz v1")
	for _, a := range args {
		switch {
		case a.Kind() == reflect.Slice:
			fmt.Fprintf(&b, "\n[]byte(%q)", a.Bytes())
		case a.Kind() == reflect.String:
			fmt.Fprintf(&b, "\nstring(%q)", a.String())
		default:
			fmt.Fprintf(&b, "\n%s(%v)", a.Type(), a.Interface())
		}
	}
	return b.String()
}
