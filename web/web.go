// Package web holds the page that a node serves at /: plain HTML, CSS and JavaScript, without a framework,
// without anything loaded from elsewhere. Package api serves it.
package web

import "embed"

// Files are the page's: index.html, style.css, app.js and what they name.
//
//go:embed index.html style.css *.js icon.svg
var Files embed.FS
