package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A place is where dodona is, as somebody types it from here; the folder of this program is where its keepsakes go.
type place struct {
	dodona string // empty: it was not built
	path   string // its folder, as a shell that is here writes it for wherever it goes
	folder string
}

// placeOf looks beside this program.
func placeOf(program string) place {
	p := place{folder: filepath.Join(filepath.Dir(program), "evidence")}
	beside := filepath.Join(filepath.Dir(program), "dodona")
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
		p.dodona, p.path = typed(beside), plain.ShellWord(filepath.Dir(beside))
		if folder, below := local(filepath.Dir(beside)); below {
			p.path = "$PWD/" + plain.ShellWord(folder) // short, for a line that is broken cannot be pasted
		}
	}
	return p
}

// typed returns a path as a shell takes it from here.
func typed(path string) string {
	if short, below := local(path); below {
		path = short
		if filepath.Base(short) == short {
			path = "./" + short
		}
	}
	return plain.ShellWord(path)
}

// local returns a path from here, and whether it lies below.
func local(path string) (short string, below bool) {
	here, err := os.Getwd()
	if err != nil {
		return path, false
	}
	short, err = filepath.Rel(here, path)
	return short, err == nil && filepath.IsLocal(short)
}

// meanwhile returns what to try while the node runs, in another terminal.
func (p place) meanwhile(url string) []string {
	if p.dodona == "" {
		return []string{"`make build` builds dodona, which asks this node: dodona status"}
	}
	api := ""
	if url != usualURL {
		api = " --api " + url
	}
	return []string{
		"in another terminal, from the same folder:",
		"  " + p.dodona + " status" + api,
		"  " + p.dodona + " explain " + onChain + api,
		"  " + p.dodona + " feed watch " + onChain + api,
		"before the commands that the page offers:",
		"  PATH=" + p.path + ":$PATH",
	}
}

// usualURL is the one that dodona asks if it is not told otherwise.
const usualURL = "http://127.0.0.1:8080"

// A keepsake is evidence in files, which outlives the node.
type keepsake struct{ answer, bundle string }

// keep asks the node for its newest answer of the feed that goes to the chain, and for all that it was computed from.
func (p place) keep(ctx context.Context, url string) (k keepsake, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := httpc.New(httpc.Options{Once: true})
	if err != nil {
		return k, err
	}
	defer client.Close()
	feed := url + "/v1/feeds/" + onChain
	answer, err := fetch(ctx, client, feed+"/latest")
	if err != nil {
		return k, err
	}
	var a dodona.Answer
	if err := json.Unmarshal(answer, &a); err != nil {
		return k, fmt.Errorf("read the newest answer: %w", err)
	}
	bundle, err := fetch(ctx, client, feed+"/rounds/"+a.Attestation.Report.Round.ID()+"/bundle")
	if err != nil {
		return k, err
	}
	return p.write(answer, bundle)
}

// write puts evidence beside this program, or among temporary files where that may not be.
func (p place) write(answer, bundle []byte) (k keepsake, err error) {
	folder := p.folder
	if err := os.MkdirAll(folder, 0o755); err != nil {
		if folder, err = os.MkdirTemp("", "dodona-evidence-"); err != nil {
			return k, fmt.Errorf("keep evidence: %w", err)
		}
	}
	k = keepsake{filepath.Join(folder, "answer.json"), filepath.Join(folder, "bundle.json")}
	for _, f := range []struct {
		path string
		body []byte
	}{{k.answer, answer}, {k.bundle, bundle}} {
		if err := durable.Write(f.path, f.body, 0o644); err != nil {
			return k, fmt.Errorf("keep evidence: %w", err)
		}
	}
	return k, nil
}

// mostEvidence bounds what is kept, in bytes: far more than three small documents make.
const mostEvidence = 8 << 20

func fetch(ctx context.Context, client *httpc.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Ask(req)
	if err != nil {
		return nil, err
	}
	defer response.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the node for %s: %s", req.URL.Path, response.Status)
	}
	return response.Whole(mostEvidence)
}

// afterwards returns what to try when the node has ended: it needs files alone.
func (p place) afterwards(k keepsake) []string {
	answer, bundle := typed(k.answer), typed(k.bundle)
	if p.dodona == "" {
		return []string{"the last answer is in " + answer + ", all that it was computed from in " + bundle + "; `make build` builds dodona, which verifies them"}
	}
	return []string{
		"the last answer and what it was computed from are kept; try:",
		"  " + p.dodona + " verify " + answer,
		"  " + p.dodona + " replay " + bundle,
		"  sed 's/\"value\":\"4/\"value\":\"5/' " + answer + " | " + p.dodona + " verify -",
	}
}
