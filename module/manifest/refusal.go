package manifest

import "fmt"

// A Reason says in a word why a module, a manifest or a trust file is refused.
type Reason string

// The reasons.
const (
	Malformed Reason = "malformed"      // it cannot be read in the one way it must be
	Unsigned  Reason = "unsigned"       // there is no envelope, no signature, or nobody to trust
	Tampered  Reason = "tampered"       // a signature or a digest does not match
	WrongRole Reason = "wrong-role"     // a trusted key signed what it may not sign
	TooFew    Reason = "too-few"        // fewer trusted keys signed than the threshold
	Expired   Reason = "expired"        // its time is over
	NotYet    Reason = "not-yet"        // its time has not come
	Rollback  Reason = "rolled-back"    // a newer release was loaded before
	OtherABI  Reason = "wrong-abi"      // it speaks another guest interface
	Mismatch  Reason = "other-module"   // it is for another name, version or kind than asked
	TooLarge  Reason = "too-large"      // more bytes than are read
	Beyond    Reason = "limit-exceeded" // it asks for more than any module may have
)

// A Refusal is a verdict: the bytes were read, and must not be used. Other errors mean that they could not be read.
type Refusal struct {
	Reason Reason
	What   string // what is wrong, with the values
	Do     string // what to do about it
}

// Error writes the reason, what is wrong and what to do.
func (r *Refusal) Error() string {
	if r.Do == "" {
		return string(r.Reason) + ": " + r.What
	}
	return string(r.Reason) + ": " + r.What + "; " + r.Do
}

func refuse(r Reason, do, what string, args ...any) *Refusal {
	return &Refusal{Reason: r, What: fmt.Sprintf(what, args...), Do: do}
}
