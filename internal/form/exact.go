package form

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Exact reads raw into the value that into points to, and reports whether raw is what write, such as [json.Marshal], makes of
// that value: then it is the one encoding of it, without other names, repeated ones, blanks, or anything after it.
// An error says that it is not even JSON of the value's type.
func Exact(raw []byte, into any, write func(any) ([]byte, error)) (bool, error) {
	if err := json.Unmarshal(raw, into); err != nil {
		return false, err
	}
	again, err := write(into)
	if err != nil {
		return false, fmt.Errorf("write it again: %w", err)
	}
	return bytes.Equal(again, raw), nil
}
