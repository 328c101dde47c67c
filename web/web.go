// Package web holds the page that a node serves at /: plain HTML, CSS and JavaScript, without a framework,
// without anything loaded from elsewhere. Package api serves it.
package web

import "embed"

// Files are those of the page, index.html, and of the verifier, verify.html, with what they name. verifier.wasm.gz is
// package verify/wasm, built by make verifier.
//
//go:embed index.html verify.html *.css *.js icon.svg verifier.wasm.gz
var Files embed.FS
