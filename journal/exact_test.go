package journal

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/nats-io/nats.go"
)

// These tests need no server: they hold what is decided by numbers and texts alone.

func TestWhatIsCarriedAtOnceFitsOrIsOne(t *testing.T) {
	list := []last{{"a", 1, 10}, {"b", 2, 20}, {"c", 3, 30}}
	for most, want := range map[uint64]string{0: "1 10", 9: "1 10", 10: "1 10", 29: "1 10", 30: "2 30", 59: "2 30", 60: "3 60", 99: "3 60"} {
		part, bytes := firstOf(list, most)
		if got := fmt.Sprint(len(part), " ", bytes); got != want {
			t.Errorf("within %d: %s, want %s", most, got, want)
		}
	}
	if part, bytes := firstOf(nil, 5); len(part) != 0 || bytes != 0 {
		t.Errorf("of none: %v, %d", part, bytes)
	}
	if n := sizeOfAll(list); n != 60 {
		t.Errorf("all have %d bytes, want 60", n)
	}
}

func TestAStreamThatIsTooSmallWantsFourTimesWhatItMustKeep(t *testing.T) {
	l := &lane{spec: streamSpec{name: streamProof}, limits: Limits{Bytes: 2 * unit.MiB}}
	for bytes, want := range map[uint64]string{
		1 << 18: "take 256 KiB of its 2MiB, and are kept: set journal.proof.bytes to at least 1MiB", 1<<18 + 1: "at least 2MiB", 1 << 20: "at least 4MiB", 1<<20 - 1: "at least 4MiB",
	} {
		if got := l.tooSmall(7, bytes); !strings.HasSuffix(got, want) || !strings.HasPrefix(got, "the last claims and answers of 7 keys ") {
			t.Errorf("%d bytes: %s, want %s", bytes, got, want)
		}
	}
}

func TestRoomThatLacksIsToldInMebibytes(t *testing.T) {
	j := &Journal{cfg: Config{Dir: "here"}}
	for _, c := range []struct {
		free, need int64
		want       string
	}{
		{5, 5, ""},
		{5, 4, ""},
		{4, 5, "the disk is full: 0 MiB are free, 1 MiB are needed for the store in here"},
		{3<<20 + 5, 4 << 20, "the disk is full: 3 MiB are free, 4 MiB are needed for the store in here"},
		{4<<20 - 1, 4<<20 + 1, "the disk is full: 3 MiB are free, 5 MiB are needed for the store in here"},
	} {
		err := j.lacksRoom(c.free, c.need)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, errNoRoom) || err.Error() != c.want) {
			t.Errorf("%d of %d: %v, want %q", c.free, c.need, err, c.want)
		}
	}
}

func TestABatchTakesItsBytesTwice(t *testing.T) {
	body := func(n int) *nats.Msg { return &nats.Msg{Data: make([]byte, n)} }
	for _, c := range []struct {
		msgs []*nats.Msg
		want int
	}{
		{nil, 0},
		{[]*nats.Msg{body(10)}, 10 + headersOnBusAllowance},
		{[]*nats.Msg{body(10), body(20)}, 2 * (30 + 2*headersOnBusAllowance)},
	} {
		if got := (&flight{msgs: c.msgs}).takes(); got != c.want {
			t.Errorf("%d records take %d, want %d", len(c.msgs), got, c.want)
		}
	}
}

func TestWhatAStoreElsewhereDoesNotTakeIsCounted(t *testing.T) {
	answer := func(code int, text string) error {
		return fmt.Errorf("sent: %w", &apiError{ErrCode: code, Description: text})
	}
	for _, c := range []struct {
		name  string
		given bool
		err   error
		want  int // of 3
	}{
		{"taken", true, nil, 0},
		{"another came in between", true, answer(codeWrongLast, ""), 0},
		{"another came in between, of a constant", true, answer(codeWrongLastConst, ""), 0},
		{"too large", true, answer(codeTooLarge, ""), 0},
		{"too large headers", true, answer(codeHeaderTooLarge, ""), 0},
		{"its limit", true, answer(codeStoreFailed, "maximum bytes exceeded"), 0},
		{"its disk", true, answer(codeStoreFailed, "no space left on device"), 4},
		{"no answer", true, errUnknownOutcome, 4},
		{"not given", false, errUnknownOutcome, 3},
		{"not given, its disk", false, answer(codeStoreFailed, "no space left on device"), 3},
	} {
		l := &lane{refused: 3}
		if l.countLarge(c.given, c.err); l.refused != c.want {
			t.Errorf("%s: refused %d times, want %d", c.name, l.refused, c.want)
		}
	}
	for code, err := range map[int]error{0: errUnknownOutcome, 7: answer(7, "x")} {
		if got := errCode(err); got != code {
			t.Errorf("%v has the code %d, want %d", err, got, code)
		}
	}
}

func TestWhatAStreamThatIsNotOpenMayTake(t *testing.T) {
	for settings, want := range map[string]int64{`{"max_bytes":5000}`: 5000, `{"max_bytes":1}`: 1, `{"max_bytes":0}`: 15, `{"max_bytes":-1}`: 16, `{}`: 2, `max`: 3} {
		stream := t.TempDir()
		if err := os.WriteFile(filepath.Join(stream, "meta.inf"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := promised(stream); got != want {
			t.Errorf("%s: %d, want %d", settings, got, want)
		}
	}
	if got := promised(filepath.Join(t.TempDir(), "none")); got != 0 {
		t.Errorf("none: %d", got)
	}
}

func TestFilesHoldBytesAndFoldersDoNot(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if bytes, some := bytesIn([]string{dir, none}); bytes != 0 || some {
		t.Errorf("folders alone: %d bytes, some %t", bytes, some)
	}
	for name, text := range map[string]string{"a/b/one": "12345", "two": "123", "a/empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if bytes, some := bytesIn([]string{none, dir}); bytes != 8 || !some {
		t.Errorf("%d bytes, some %t; want 8", bytes, some)
	}
	if bytes, some := bytesIn([]string{filepath.Join(dir, "a")}); bytes != 5 || !some {
		t.Errorf("%d bytes, some %t; want 5", bytes, some)
	}
}

func TestAReaderIsCalledByItsNodeIfThatIsAnotherOne(t *testing.T) {
	j := &Journal{cfg: Config{Node: "gw-1"}}
	for durable, want := range map[string]string{reader("gw-1", "me"): "me", reader("gw-2", "me"): "me of node gw-2", "me": "me"} {
		if got := j.called(durable); got != want {
			t.Errorf("%s: %q, want %q", durable, got, want)
		}
	}
}

func TestWhatWasFreedNeverFalls(t *testing.T) {
	metadata := map[string]string{}
	if got := freed(metadata); got != math.MaxUint64 {
		t.Errorf("nothing is noted: %d", got)
	}
	for _, c := range [][2]uint64{{5, 5}, {3, 5}, {5, 5}, {6, 6}, {1, 6}} {
		if setFreed(metadata, c[0]); freed(metadata) != c[1] {
			t.Errorf("%d is noted: %d, want %d", c[0], freed(metadata), c[1])
		}
	}
}
