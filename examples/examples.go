// Package examples holds configurations that work as they stand; the tests load every one of them.
package examples

import "embed"

// Files are the examples by file name.
//
//go:embed *.yaml
var Files embed.FS
