package journal

import (
	"path/filepath"
	"testing"
	"time"
)

// lossesOf opens the file of losses of a folder.
func lossesOf(t *testing.T, dir string) *lossFile {
	t.Helper()
	f, err := (&Journal{cfg: Config{Dir: dir}}).openLosses()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheEventOfALossIsNamedByWhatIsLost(t *testing.T) {
	if got, want := (Loss{Stream: "RAW", Writer: "w", From: 110, To: 121}).id(), "RAW-w-110-121"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestALossIsRememberedOnceAndWhetherItWasTold(t *testing.T) {
	dir := t.TempDir()
	f := lossesOf(t, dir)
	one, two := Loss{Stream: "RAW", Writer: "w", From: 1, To: 2}, Loss{Stream: "PROOF", Writer: "w", From: 1, To: 2}
	for _, c := range []struct {
		loss  Loss
		isNew bool
	}{
		{one, true},
		{one, false},
		{two, true},
		{Loss{Stream: "RAW", Writer: "w", From: 1, To: 2, Reason: "another"}, false},
		{Loss{Stream: "RAW", Writer: "w", From: 1, To: 3}, true},
		{Loss{Stream: "RAW", Writer: "w", From: 2, To: 2}, true},
		{Loss{Stream: "RAW", Writer: "v", From: 1, To: 2}, true},
	} {
		if isNew, err := f.add(c.loss); err != nil || isNew != c.isNew {
			t.Errorf("%+v: new %t, %v; want %t", c.loss, isNew, err, c.isNew)
		}
	}
	if err := f.told(two); err != nil {
		t.Fatal(err)
	}
	if !f.unnoted("RAW") || !f.unnoted("PROOF") || f.unnoted("OTHER") {
		t.Error("what was found and not noted is not known")
	}
	before := time.Now().Add(-time.Hour)
	if err := f.noted("RAW", before); err != nil || !f.unnoted("RAW") {
		t.Errorf("what was found after the note is noted, %v", err)
	}
	if err := f.noted("RAW", time.Now()); err != nil || f.unnoted("RAW") || !f.unnoted("PROOF") {
		t.Errorf("noted for one stream: RAW %t, PROOF %t, %v", f.unnoted("RAW"), f.unnoted("PROOF"), err)
	}
	again := lossesOf(t, dir)
	if len(again.all()) != 5 || again.isTold(one) || !again.isTold(two) || again.unnoted("RAW") || !again.unnoted("PROOF") {
		t.Errorf("read again: %+v", again.list)
	}
	all := again.all()
	all[0].From = 99
	if again.all()[0].From != 1 {
		t.Error("who changes the list changes the memory")
	}
}

func TestTheFirst256LossesAreRememberedAndTheOthersCounted(t *testing.T) {
	dir := t.TempDir()
	f := lossesOf(t, dir)
	for i := range 256 {
		f.list = append(f.list, knownLoss{Loss: Loss{From: uint64(i), To: uint64(i)}})
	}
	f.list = f.list[:255]
	for i, want := range []int{256, 256, 256} {
		if isNew, err := f.add(Loss{From: uint64(1000 + i)}); err != nil || !isNew || len(f.list) != want || f.more != uint64(i) {
			t.Errorf("loss %d: new %t, %v; %d remembered, %d more", 256+i, isNew, err, len(f.list), f.more)
		}
	}
	if again := lossesOf(t, dir); len(again.list) != 256 {
		t.Errorf("read again: %d", len(again.list))
	}
}

func TestALossThatCannotBeNotedIsAnError(t *testing.T) {
	f := &lossFile{path: filepath.Join(t.TempDir(), "gone", "losses.json")}
	loss := Loss{Stream: "RAW", From: 1, To: 1}
	if isNew, err := f.add(loss); err == nil || !isNew {
		t.Errorf("new %t, %v", isNew, err)
	}
	if f.told(loss) == nil || f.noted("RAW", time.Now()) == nil {
		t.Error("what is not on the disk is told or noted")
	}
	if err := f.noted("RAW", time.Now()); err != nil {
		t.Errorf("nothing is left to note: %v", err)
	}
}

// TestALossBeforeAnotherStreamNeedsNoNote: when that was made says already what may be lost.
func TestALossBeforeAnotherStreamNeedsNoNote(t *testing.T) {
	j := open(t, Config{})
	l := j.lanes[streamProof]
	for _, stream := range []string{streamProof, streamRaw} {
		if _, err := j.losses.add(Loss{Stream: stream, Writer: j.writer, From: 1, To: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var failed error
	if err := l.visit(t.Context(), func() {
		l.born = l.born.Add(-time.Hour) // it wrote to another one before
		failed = l.goOn(t.Context())
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if j.losses.unnoted(streamProof) || !j.losses.unnoted(streamRaw) {
		t.Errorf("to be noted: of this stream %t, of the other one %t", j.losses.unnoted(streamProof), j.losses.unnoted(streamRaw))
	}
}
