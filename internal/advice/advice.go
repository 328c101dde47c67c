// Package advice carries, with an error, what to do about it: a hint for people, and what to write instead where that is certain.
package advice

import "errors"

type advised struct {
	error
	hint, instead string
}

// Hint returns err with what to do about it.
func Hint(err error, hint string) error { return advised{error: err, hint: hint} }

// Instead returns err with the text that is taken where what stands there is not. Whoever gives it is certain of it.
func Instead(err error, text string) error { return advised{error: err, instead: text} }

// Unwrap returns the error alone.
func (a advised) Unwrap() error { return a.error }

// Hint says what to do.
func (a advised) Hint() string { return a.hint }

// Instead says what to write.
func (a advised) Instead() string { return a.instead }

// Of returns the advice that an error carries, by a method Hint() string, or Instead() string, of it or of what it wraps.
func Of(err error) (hint, instead string) {
	if hinting := interface{ Hint() string }(nil); errors.As(err, &hinting) {
		hint = hinting.Hint()
	}
	if certain := interface{ Instead() string }(nil); errors.As(err, &certain) {
		instead = certain.Instead()
	}
	return hint, instead
}
