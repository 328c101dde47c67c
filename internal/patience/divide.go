package patience

import "github.com/dodona-oracle/dodona"

// Divide does something with all items, in their order: at once or, if that is refused for good, in halves, so that one that can never be
// done does not keep the others from it. That one is given to never, which says what comes of it. Divide ends with the first other error.
func Divide[T any](items []T, do func([]T) error, never func(item T, why error) error) error {
	if len(items) == 0 {
		return nil
	}
	err := do(items)
	switch {
	case !dodona.IsPermanent(err):
		return err
	case len(items) == 1:
		return never(items[0], err)
	}
	half := len(items) / 2
	if err := Divide(items[:half], do, never); err != nil {
		return err
	}
	return Divide(items[half:], do, never)
}
