package file

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source"
)

func TestABadRowOfADroppedFileSaysItsLine(t *testing.T) {
	dropping(t, keeping, func(l *log, r *reader) {
		l.put("a.csv", "t,v\r\n\r\n1,2\r\n3\r\n\"4\n\",5\r6\n")
		r.read(10 * time.Second)
		r.restart()
		l.add("a.csv", "7\n") // of a file that was read, another one
		r.read(10 * time.Second)
		all := strings.Join(r.doubts, "\n")
		for _, want := range []string{"(line 4 of a.csv, at byte 12,", "(line 7 of a.csv, at byte 22,", "(line 8 of a.csv, at byte 24,"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is not in %s", want, all)
			}
		}
	})
}

func TestARowThatIsReadOnAfterARestartSaysItsLine(t *testing.T) {
	dropping(t, keeping, func(l *log, r *reader) {
		const rows = 3000 // more than a batch takes
		l.put("a.csv", "t,v\r\n"+strings.Repeat("1,2\r\n", rows)+"3\r\n")
		for len(r.doubts) == 0 && len(r.lines) < rows+1 {
			before := len(r.lines)
			r.read(6 * time.Second)
			r.restart()
			if len(r.lines) == before {
				t.Fatalf("%d rows of %d came", before, rows+1)
			}
		}
		if want := fmt.Sprintf("(line %d of a.csv,", rows+2); len(r.doubts) != 1 || !strings.Contains(r.doubts[0], want) {
			t.Errorf("got %q, want %s", r.doubts, want)
		}
	})
}

func TestLinesAreCountedWhereverTheirTextIsCut(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 0, "a\nb": 1, "a\r\nb\r\n": 2, "\r\r\n\n": 3, "\n\r": 2} {
		for cut := range len(text) + 1 {
			var c lineCount
			for _, part := range []string{text[:cut], text[cut:]} {
				c.add([]byte(part))
			}
			if c.n != want {
				t.Errorf("%q cut at %d: %d line ends, want %d", text, cut, c.n, want)
			}
		}
	}
}

func TestManyDroppedFilesAreReadInOrderWithFewLooksAtTheFolder(t *testing.T) {
	dropping(t, deleting, func(l *log, r *reader) {
		const files = 300
		var want []string
		for n := range files {
			l.put(fmt.Sprintf("%03d.csv", n), fmt.Sprintf("v\n%d\n", n))
			want = append(want, fmt.Sprintf("v\n%d\n", n))
		}
		r.read(10 * time.Second)
		r.want(want...)
		l.wantFiles()
	})
	d := openDrops(Settings{Path: t.TempDir() + "/*.csv"}, source.Env{})
	d.queue = []stamp{{name: "a.csv"}}
	d.at.dir += "/none" // a look at it fails
	if err := d.enqueue(); err != nil {
		t.Errorf("the folder is looked at while a file is queued: %v", err)
	}
}
