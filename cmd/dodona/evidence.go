package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/verify"
)

type verifyCommand struct {
	Answer  string   `arg:"" help:"File with the answer or its evidence (…/proof), - for standard input, or a URL."`
	Network string   `help:"The network's id: nothing else is accepted." placeholder:"0x…"`
	Member  []string `help:"The quorum's members (repeat): nobody else is accepted." placeholder:"0x…"`
	Root    string   `help:"The root that a chain has for the window: nothing else is accepted." placeholder:"0x…"`
	Slot    string   `help:"What a slot of DodonaAnchor holds: nothing else is accepted." placeholder:"0x…"`
	evidenceFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run exits with 3 if the answer is not what a quorum of the network signed.
func (c verifyCommand) Run(ctx context.Context, term terminal) error {
	expect, err := c.expect()
	if err != nil {
		return failure{exitUsage, err}
	}
	raw, err := c.read(ctx, c.Answer, term.in, verify.MaxBytes+1)
	if err != nil {
		return err
	}
	if what := noEvidence(raw); what != "" {
		return failure{exitUsage, fmt.Errorf("%s is no evidence, neither valid nor invalid: %s; want an answer (…/latest, …/rounds/ROUND) or its proof (…/proof) as a node gives them", c.Answer, what)}
	}
	verdict := verify.Document(raw, expect)
	if c.JSON {
		err = printJSON(term.out, verdict)
	} else {
		_, err = fmt.Fprintln(term.out, verdict)
		if verdict.Valid && verdict.Value != nil {
			fmt.Fprintf(term.out, "%s = %s, round %d (%s)\n", verdict.Feed, verdict.Answer, uint64(verdict.Round), verdict.Round)
		}
		if verdict.Valid && verdict.Commitment == nil {
			fmt.Fprintf(term.err, "with its proof, once its window is sealed: dodona verify %s\n", c.proof(verdict))
		}
		if verdict.Valid && !verdict.Pinned {
			fmt.Fprintf(term.err, "anybody can found a network of that name; accept only yours with --network %s\n", verdict.NetworkID)
		}
	}
	if err != nil || verdict.Valid {
		return err
	}
	return failure{code: exitInvalid}
}

// proof returns where a node has the proof of an answer that came without one: the node that was asked, or the usual one.
func (c verifyCommand) proof(v verify.Verdict) string {
	node := cmp.Or(os.Getenv("DODONA_API"), defaultAPI)
	if at, err := url.Parse(c.Answer); err == nil && at.Host != "" {
		if before, _, found := strings.Cut(c.Answer, "/v1/feeds/"); found {
			node = before
		}
	}
	hint := fmt.Sprintf("%s/v1/feeds/%s/rounds/%s/proof", strings.TrimSuffix(node, "/"), v.Feed, v.Round.ID())
	if c.Token != "" {
		hint += " --token " + inWords(c.Token)
	}
	return hint
}

// evidenceParts are the members of answers and of evidence, of which neither lacks all.
var evidenceParts = []string{"answer", "gap", "proof", "anchored", "history", "network", "quorum", "feed", "attestation"}

// noEvidence says what somebody gave that nobody could take for an answer or its proof; empty if it may be one, however damaged.
func noEvidence(raw []byte) string {
	text := bytes.TrimSpace(raw)
	switch {
	case len(text) == 0:
		return "it is empty"
	case text[0] == '<':
		return "it is a web page or XML"
	case text[0] != '{':
		return "it is no JSON object"
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return "" // it may have been cut
	}
	if said := problemIn(text); said != "" {
		return "the node says: " + said
	}
	if _, bundle := members["rules"]; bundle {
		return "it is a bundle, which dodona replay reads"
	}
	if !slices.ContainsFunc(evidenceParts, func(name string) bool { _, has := members[name]; return has }) {
		return "it has neither an answer nor a proof in it"
	}
	return ""
}

// problemIn returns what a node says in a document of why it does not give what it was asked for (RFC 9457, of whose members none must be there);
// empty of any other document.
func problemIn(raw []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return ""
	}
	if slices.ContainsFunc([]string{"answer", "gap", "attestation", "anchored", "rules"}, func(name string) bool { return members[name] != nil }) {
		return ""
	}
	said, parts := "", 0
	for _, name := range []string{"detail", "title", "status", "type"} {
		if members[name] == nil {
			continue
		}
		text := ""
		if json.Unmarshal(members[name], &text) != nil {
			text = string(members[name])
		}
		said, parts = cmp.Or(said, text), parts+1
	}
	if parts < 2 {
		return ""
	}
	return plain.Lines(said, maxLine)
}

func (c verifyCommand) expect() (e verify.Expect, err error) {
	if c.Network != "" {
		e.NetworkID = new(dodona.Digest)
		if err := e.NetworkID.UnmarshalText([]byte(strings.ToLower(c.Network))); err != nil {
			return e, fmt.Errorf("--network: %w", err)
		}
	}
	for flag, text := range map[string]string{"--root": c.Root, "--slot": c.Slot} {
		if text == "" {
			continue
		}
		d := new(dodona.Digest)
		if err := d.UnmarshalText([]byte(strings.ToLower(text))); err != nil {
			return e, fmt.Errorf("%s: %w", flag, err)
		}
		if flag == "--root" {
			e.Root = d
		} else {
			e.Slot = d
		}
	}
	for _, m := range c.Member {
		var a dodona.Address
		if err := a.UnmarshalText([]byte(strings.ToLower(m))); err != nil {
			return e, fmt.Errorf("--member: %w", err)
		}
		e.Members = append(e.Members, a)
	}
	return e, nil
}

// evidenceFlags are those of every command that reads what a node gave, from a file, standard input or a URL.
type evidenceFlags struct {
	Token string `help:"File that holds one of the api.tokens of the node that a URL leads to." placeholder:"FILE"`
}

// read reads a file, standard input or a URL, up to limit bytes.
func (f evidenceFlags) read(ctx context.Context, from string, stdin io.Reader, limit int64) ([]byte, error) {
	var source io.Reader
	switch {
	case from == "-":
		source = stdin
	case strings.HasPrefix(from, "http://"), strings.HasPrefix(from, "https://"):
		response, err := f.fetch(ctx, from)
		if err != nil {
			return nil, err
		}
		defer response.Close()
		source = response.Body
	default:
		file, err := os.Open(from)
		if err != nil {
			return nil, failure{exitUsage, fmt.Errorf("open evidence: %w", err)}
		}
		defer file.Close()
		source = file
	}
	raw, err := io.ReadAll(io.LimitReader(source, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from, err)
	}
	return bytes.TrimPrefix(raw, []byte(plain.Mark)), nil // some editors and shells save text with it
}

// answer reads an answer and checks it, whatever network it is of.
func (f evidenceFlags) answer(ctx context.Context, from string, stdin io.Reader) (answer dodona.Answer, err error) {
	raw, err := f.read(ctx, from, stdin, verify.MaxBytes+1)
	if err != nil {
		return answer, err
	}
	if said := problemIn(raw); said != "" {
		return answer, failure{exitUsage, fmt.Errorf("%s is no answer: the node says: %s", from, said)}
	}
	if verdict := verify.Answer(raw, verify.Expect{}); !verdict.Valid {
		return answer, failure{exitInvalid, fmt.Errorf("answer: %s", verdict)}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return answer, fmt.Errorf("read answer: %w", err) // verify has read it already
	}
	return answer, nil
}

// fetch asks whoever a URL leads to. A token goes to that host alone.
func (f evidenceFlags) fetch(ctx context.Context, from string) (*httpc.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, failure{exitUsage, fmt.Errorf("read %s: %w", from, err)}
	}
	request.Header.Set("Accept", "application/json")
	node, redirects := client{}, httpc.AnyHost
	if f.Token != "" {
		node.token, node.whose, redirects = secret.String{File: f.Token}, "--token "+inWords(f.Token), httpc.SameHost
	}
	if err := node.authorize(request); err != nil {
		return nil, err
	}
	response, err := exchange(request, redirects, 30*time.Second)
	if err != nil {
		return nil, fmt.Errorf("fetch answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Close()
	if refusal := refusalOf(response.Response); refusal.Detail != "" {
		refusal.whose = node.whose
		return nil, fmt.Errorf("fetch %s: %w", from, refusal)
	}
	return nil, fmt.Errorf("fetch %s: %s", from, response.Status)
}

// roundFlags name a round of a running node.
type roundFlags struct {
	nodeFlags
	Feed  string `arg:"" help:"The feed's name."`
	Round string `arg:"" default:"latest" help:"latest, Unix milliseconds, RFC 3339, or a time of day in UTC."`
}

// path returns where the API has the round.
func (r roundFlags) path() (string, error) { return roundPath(r.Feed, r.Round) }

type explainCommand struct {
	nodeFlags
	Feed  string `arg:"" help:"The feed's name, or the id of an observation that a sink delivered."`
	Round string `arg:"" default:"latest" help:"latest, Unix milliseconds, RFC 3339, or a time of day in UTC; of an observation: when it was received, roughly."`
}

// path returns where the API has the round.
func (c explainCommand) path() (string, error) { return roundPath(c.Feed, c.Round) }

// Run asks a node for the story of one round.
func (c explainCommand) Run(ctx context.Context, term terminal) error {
	if observed.IsID(c.Feed) {
		return c.observation(ctx, term)
	}
	path, err := c.path()
	if err != nil {
		return err
	}
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	body, err := asked.ask(ctx, http.MethodGet, path+"/explain", "application/json")
	if err != nil {
		return err
	}
	if c.JSON {
		return printRaw(term.out, body)
	}
	var story explain.Story
	if err := json.Unmarshal(body, &story); err != nil {
		return fmt.Errorf("read story of %s: %w", c.Feed, err)
	}
	if story.Feed == "" {
		return fmt.Errorf("read story of %s: it names no feed: %s is no Dodona node (--api says where one is)", c.Feed, asked.url)
	}
	return story.Show(term.out, explain.View{Color: term.color, Width: term.width(), Flags: c.given()})
}

// observation asks a node for the story of one observation that a sink delivers.
func (c explainCommand) observation(ctx context.Context, term terminal) error {
	path := "/v1/observations/" + c.Feed + "/explain"
	if c.Round != "latest" {
		at, err := parseRound(c.Round, time.Now())
		if err != nil {
			return failure{exitUsage, err}
		}
		path += "?at=" + at.ID()
	}
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	body, err := asked.ask(ctx, http.MethodGet, path, "application/json")
	if err != nil {
		return err
	}
	if c.JSON {
		return printRaw(term.out, body)
	}
	var story explain.ObservationStory
	if err := json.Unmarshal(body, &story); err != nil {
		return fmt.Errorf("read story of observation %s: %w", c.Feed, err)
	}
	if story.ID != c.Feed {
		return fmt.Errorf("read story of observation %s: it is of another one: %s is no Dodona node (--api says where one is)", c.Feed, asked.url)
	}
	return story.Show(term.out, explain.View{Color: term.color, Width: term.width()})
}

type bundleExportCommand struct{ roundFlags }

// Run prints the bundle of one round: JSON that dodona replay reads.
func (c bundleExportCommand) Run(ctx context.Context, term terminal) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	body, err := asked.ask(ctx, http.MethodGet, path+"/bundle", "application/json")
	if err != nil {
		return err
	}
	return printRaw(term.out, body)
}

// bundleParts are members that every bundle has, and nothing else that a node gives.
var bundleParts = []string{"rules", "inputs", "tookMs"}

type replayCommand struct {
	Bundle string `arg:"" help:"File with the bundle, - for standard input, or a URL."`
	JSON   bool   `name:"json" help:"Print JSON."`
	evidenceFlags
}

// Run exits with 3 if computing the round again gives anything else than what the bundle says.
func (c replayCommand) Run(ctx context.Context, term terminal) error {
	raw, err := c.read(ctx, c.Bundle, term.in, maxResponse+1)
	if err != nil {
		return err
	}
	if len(raw) > maxResponse {
		return failure{exitInvalid, fmt.Errorf("read bundle %s: more than %d MiB, which no bundle has", c.Bundle, maxResponse>>20)}
	}
	if text := bytes.TrimSpace(raw); len(text) == 0 || text[0] != '{' {
		return failure{exitUsage, fmt.Errorf("read bundle %s: %s; dodona bundle export writes bundles", c.Bundle, noEvidence(raw))}
	}
	if said := problemIn(raw); said != "" {
		return failure{exitUsage, fmt.Errorf("%s is no bundle: the node says: %s", c.Bundle, said)}
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) == nil && !slices.ContainsFunc(bundleParts, func(name string) bool { _, has := members[name]; return has }) {
		return failure{exitUsage, fmt.Errorf("read bundle %s: it names no feed, or no rules; dodona bundle export writes bundles, dodona verify is for answers", c.Bundle)}
	}
	bundle, err := explain.ReadBundle(raw)
	if err != nil {
		return failure{exitInvalid, fmt.Errorf("read bundle %s: INVALID form: %w", c.Bundle, err)}
	}
	replayed, err := explain.Replay(ctx, bundle, sandbox, program.DecodersOf(all.Sources()...))
	if err != nil {
		return failure{exitInvalid, fmt.Errorf("replay %s: %w", c.Bundle, err)}
	}
	if c.JSON {
		err = printJSON(term.out, replayed)
	} else {
		_, err = fmt.Fprint(term.out, replayed)
	}
	if err != nil || replayed.Same {
		return err
	}
	return failure{code: exitInvalid}
}
