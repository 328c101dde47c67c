package manifest

import "github.com/dodona-oracle/dodona/internal/form"

// decodeStrict reads one JSON document in the only way it can be meant. Which fields it must have is for the checks after it.
func decodeStrict[T any](raw []byte, to *T) error { return form.Of[T]().Read(raw, "the document", to) }
