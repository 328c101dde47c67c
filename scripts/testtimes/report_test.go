package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run as go1.26 writes it: one package passes, one fails, one panics beside a test that waits, one does not compile.
const recorded = `{"Action":"start","Package":"github.com/dodona-oracle/dodona/good"}
{"Action":"run","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSlow"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSlow","Output":"=== RUN   TestSlow\n"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSlow","Output":"    a_test.go:3: what nobody asks for\n"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSlow","Output":"--- PASS: TestSlow (3.25s)\n"}
{"Action":"pass","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSlow/part","Elapsed":99}
{"Action":"pass","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSlow","Elapsed":3.25}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSkipped","Output":"    a_test.go:7: NOT TESTED HERE: no device\n"}
{"Action":"skip","Package":"github.com/dodona-oracle/dodona/good","Test":"TestSkipped","Elapsed":0}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Output":"PASS\n"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Output":"ok  \tgithub.com/dodona-oracle/dodona/good\t3.3s\n"}
{"Action":"pass","Package":"github.com/dodona-oracle/dodona/good","Elapsed":3.3}
{"Action":"start","Package":"github.com/dodona-oracle/dodona/bad"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWell","Output":"    b_test.go:1: well\n"}
{"Action":"pass","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWell","Elapsed":0.5}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWrong","Output":"=== RUN   TestWrong\n"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWrong","Output":"--- FAIL: TestWrong (7.00s)\n"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWrong","Output":"    b_test.go:2: got 1, want 2\n"}
{"Action":"fail","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWrong","Elapsed":7}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/bad","Test":"TestWaits","Output":"    b_test.go:9: it waits\n"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/bad","Output":"FAIL\tgithub.com/dodona-oracle/dodona/bad\t8s\n"}
{"Action":"fail","Package":"github.com/dodona-oracle/dodona/bad","Elapsed":8}
{"ImportPath":"github.com/dodona-oracle/dodona/ill","Action":"build-output","Output":"ill/a.go:1:1: expected 'package'\n"}
{"ImportPath":"github.com/dodona-oracle/dodona/ill","Action":"build-fail"}
go: something of the go command
{"Action":"start","Package":"github.com/dodona-oracle/dodona/none"}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/none","Output":"?   \tgithub.com/dodona-oracle/dodona/none\t[no test files]\n"}
{"Action":"skip","Package":"github.com/dodona-oracle/dodona/none","Elapsed":0}
{"Action":"output","Package":"github.com/dodona-oracle/dodona/good","Output":"ok  \tgithub.com/dodona-oracle/dodona/good\t6.0s\n"}
{"Action":"pass","Package":"github.com/dodona-oracle/dodona/good","Elapsed":6}
`

const printed = `ok  	github.com/dodona-oracle/dodona/good	3.3s
--- FAIL: TestWrong (7.00s)
    b_test.go:2: got 1, want 2
    b_test.go:9: it waits
FAIL	github.com/dodona-oracle/dodona/bad	8s
ill/a.go:1:1: expected 'package'
go: something of the go command
?   	github.com/dodona-oracle/dodona/none	[no test files]
ok  	github.com/dodona-oracle/dodona/good	6.0s
`

const slowest = `
the slowest 2 of 4 tests, which took 11s together:
     7.0 s  bad TestWrong
     3.2 s  good TestSlow

the slowest 2 of 2 packages, which took 17s together:
     9.3 s  good
     8.0 s  bad
`

const untested = "NOT TESTED HERE: 1 of the tests: no device\n"

func TestARunIsKeptPrintedAndTimed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "new", "tests.json")
	var out strings.Builder
	failed, err := run(strings.NewReader(recorded), &out, log, 2)
	if err != nil || !failed {
		t.Fatalf("failed %v, error %v, want a failure and no error", failed, err)
	}
	if got := out.String(); got != printed+slowest+untested {
		t.Errorf("printed\n%s\nwant\n%s", got, printed+slowest+untested)
	}
	if kept, _ := os.ReadFile(log); string(kept) != recorded {
		t.Errorf("kept\n%s\nwant what was read", kept)
	}
}

func TestALogIsTimedWithoutItsNews(t *testing.T) {
	var out strings.Builder
	failed, err := run(strings.NewReader(recorded), &out, "", 2)
	if err != nil || failed {
		t.Fatalf("failed %v, error %v, want neither: what failed then is no news", failed, err)
	}
	if got := out.String(); got != slowest {
		t.Errorf("printed\n%s\nwant\n%s", got, slowest)
	}
}

func TestARunWithoutFailuresDoesNotFail(t *testing.T) {
	good := strings.Join(strings.SplitAfter(recorded, "\n")[:12], "")
	var out strings.Builder
	failed, err := run(strings.NewReader(good), &out, filepath.Join(t.TempDir(), "log"), 1)
	if err != nil || failed {
		t.Fatalf("failed %v, error %v, want neither", failed, err)
	}
}

func TestWhatDoesNotCompileFails(t *testing.T) {
	lines := strings.SplitAfter(recorded, "\n")
	var out strings.Builder
	failed, err := run(strings.NewReader(lines[22]+lines[23]), &out, filepath.Join(t.TempDir(), "log"), 1)
	if err != nil || !failed {
		t.Fatalf("failed %v, error %v, want a failure; read %q", failed, err, lines[22:24])
	}
}
