package api

import (
	"net/http"
	"path"

	"github.com/dodona-oracle/dodona/web"
)

// policy lets the page load what this node serves, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

type pageFile struct {
	pattern     string
	contentType string
	etag        string
	body        []byte
}

// pageFiles returns the files of the page as they are served. It panics if the page is not embedded.
func pageFiles() (files []pageFile) {
	entries, err := web.Files.ReadDir(".")
	if err != nil {
		panic("the page is not embedded: " + err.Error())
	}
	for _, entry := range entries {
		body, err := web.Files.ReadFile(entry.Name())
		if err != nil {
			panic("the page is not embedded: " + err.Error())
		}
		f := pageFile{pattern: "/" + entry.Name(), body: body, etag: tagOf(body), contentType: typeOf(entry.Name())}
		if entry.Name() == "index.html" {
			f.pattern = "/{$}"
		}
		files = append(files, f)
	}
	return files
}

// typeOf does not ask the machine's own tables, which differ.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

func (f pageFile) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache") // may be kept, must be asked for: the node may be a newer one
	w.Header().Set("Content-Security-Policy", policy)
	serveTagged(w, r, f.contentType, f.etag, f.body)
}
