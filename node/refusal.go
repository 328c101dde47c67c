package node

import (
	"errors"
	"log/slog"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/sign"
)

// refused reports whether the signer's error is its last word: the claim can never be signed. A round that is ahead
// of the clock can be, once it is due.
func refused(err error) bool {
	claim := (*sign.ClaimError)(nil)
	return errors.As(err, &claim) && !errors.Is(err, sign.ErrEarly)
}

// conflicts reports whether a refusal is because the key has claimed another answer of the round, or a later round: cause for alarm.
func conflicts(err error) bool {
	return errors.Is(err, dodona.ErrConflict) || errors.Is(err, sign.ErrPassed)
}

// doubted reports whether a refusal is because the claim may have been made and forgotten: no clock that is right mends that.
func doubted(err error) bool { return errors.Is(err, sign.ErrBefore) }

// gravity is how loudly a refusal is told: one about which nobody can do anything, for later rounds are signed again, is as little as a round
// that closed; and less in a folder that was restored, which is why.
func gravity(err error, restored bool) slog.Level {
	if restored && doubted(err) && !errors.Is(err, sign.ErrClock) {
		return slog.LevelDebug // it was said at the start, of all such rounds
	}
	if errors.Is(err, sign.ErrBefore) && !errors.Is(err, sign.ErrClock) {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// rejectionGravity is how loudly a rejected observation is told: in a restored folder as little as a round, where the same is why.
func rejectionGravity(r quorum.Rejection, restored bool) slog.Level {
	if restored && r.Reason == quorum.ReasonUnsigned {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// whatToDo says what a person may do about a refusal.
func whatToDo(err error) string {
	switch {
	case conflicts(err):
		return "if another process signs with this key too, give it a key of its own, or roles without observe"
	case errors.Is(err, sign.ErrClock):
		return "compare the clock of this node with that of the machine that keeps the journal; once they are right, rounds are signed again when that time has passed, or at once with another key"
	case errors.Is(err, sign.ErrBefore):
		return "nothing: later rounds are signed again"
	}
	return "report it: this is a bug"
}

// A restorable is a journal that knows whether it was restored.
type restorable interface {
	Restored() time.Time // when the backup was made that it was restored from; zero: it was not, or more is gone than came after that
}

// isRestored reports whether a journal lacks, as far as it knows, no more than what came after the backup that it was restored from.
func isRestored(j restorable) bool { return !j.Restored().IsZero() }
