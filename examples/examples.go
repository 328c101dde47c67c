// Package examples holds configurations that work as they stand; the tests load every one of them.
package examples

import "embed"

// Files are the examples by file name.
//
//go:embed *.yaml
var Files embed.FS

// Modules is the folder modules: the module of btc-plausible.yaml and demo.yaml, which is sdk/c/example, signed with a key that was
// thrown away afterwards, and the trust file that names it.
//
//go:embed modules
var Modules embed.FS
