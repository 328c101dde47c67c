package api

import (
	"net/http"
	"path"
	"strings"

	"github.com/dodona-oracle/dodona/web"
)

// policy lets the page load what this node serves, and nothing else. WebAssembly may run: the verifier is one.
const policy = policyBase + "connect-src 'self'"

// verifyPolicy is that of the verifier's page, which asks the chain where its reader says.
const verifyPolicy = policyBase + "connect-src 'self' https: http:"

const policyBase = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "

type pageFile struct {
	pattern     string
	contentType string
	policy      string
	packed      bool // with gzip
	etag        string
	name        string // in web.Files: what nobody asks for stays in the program's file, and takes no memory
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
		f := pageFile{pattern: "/" + entry.Name(), name: entry.Name(), policy: policy, etag: tagOf(body), contentType: typeOf(entry.Name())}
		switch entry.Name() {
		case "index.html":
			f.pattern = "/{$}"
		case "verify.html":
			f.pattern, f.policy = "/verify", verifyPolicy
		case "verifier.wasm.gz":
			f.pattern, f.packed, f.contentType = "/verifier.wasm", true, "application/wasm"
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
	w.Header().Set("Content-Security-Policy", f.policy)
	if f.packed {
		w.Header().Set("Vary", "Accept-Encoding")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			writeProblem(w, problem{
				kind: "encoding", status: http.StatusNotAcceptable,
				detail: "this file is kept packed: send the header Accept-Encoding: gzip, such as with curl --compressed",
			})
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
	}
	body, _ := web.Files.ReadFile(f.name) // it was read before
	serveTagged(w, r, f.contentType, f.etag, body)
}
