// Package kinds holds the manual of every kind of source and sink, generated from the comments of its settings.
package kinds

import "embed"

// Files are the manuals by file name: "http.md".
//
//go:embed *.md
var Files embed.FS
