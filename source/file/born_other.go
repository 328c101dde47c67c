//go:build !linux

package file

import (
	"os"
	"time"
)

// bornAt returns nothing: nobody asks when a file was made.
func bornAt(string, uint64) time.Time { return time.Time{} }

// bornOf returns nothing, as bornAt.
func bornOf(*os.File, uint64) time.Time { return time.Time{} }
