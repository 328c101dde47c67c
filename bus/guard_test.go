package bus

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuardEndsWhatGrows(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		growing := guard{used: func() uint64 { return uint64(time.Since(begun) / time.Millisecond) }, limit: 1000}
		release := make(chan struct{})
		err := growing.do(func() error { <-release; return nil })
		if took := time.Since(begun); !errors.Is(err, ErrMemory) || took < time.Second || took > 2*time.Second {
			t.Errorf("got %v after %v, want ErrMemory when the limit is passed", err, took)
		}
		close(release)
		steady := guard{used: func() uint64 { return 1000 }, limit: 1000}
		for _, want := range []error{nil, broken} {
			if err := steady.do(func() error { time.Sleep(time.Minute); return want }); err != want {
				t.Errorf("got %v, want %v", err, want)
			}
		}
	})
}
