package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/api/apitest"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/telemetry/prom"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// An operation is what no type says about a route.
type operation struct {
	id, summary string
	parameters  []string     // of the query and headers, by their names in the document; those of the path follow from it
	answer      reflect.Type // of a JSON body
	text        string       // another media type it may have, or has if there is no answer
	headers     []string     // always sent with it
	live        bool         // has no tag: it changes all the time
	free        bool         // needs no token
}

var answerHeaders = []string{"Dodona-Value", "Dodona-Time", "Dodona-Quality", "Last-Modified"}

// operations are the routes of the API, by pattern.
var operations = map[string]operation{
	"/v1/feeds":                               {id: "feeds", summary: "every feed as it stands, sorted by name, in pages", parameters: []string{"from", "limit"}, answer: reflect.TypeFor[api.FeedPage]()},
	"/v1/feeds/{feed}":                        {id: "feed", summary: "one feed as it stands", answer: reflect.TypeFor[api.FeedStatus]()},
	"/v1/feeds/{feed}/latest":                 {id: "latest", summary: "the newest attested answer, the document that dodona verify accepts", parameters: []string{"encoding"}, answer: reflect.TypeFor[dodona.Answer](), text: "text/plain", headers: answerHeaders},
	"/v1/feeds/{feed}/rounds":                 {id: "rounds", summary: "rounds of a feed, oldest first: those from a round on, in pages, or the newest", parameters: []string{"fromRound", "limit"}, answer: reflect.TypeFor[api.RoundPage]()},
	"/v1/feeds/{feed}/rounds/{round}":         {id: "round", summary: "the attested answer of one round", answer: reflect.TypeFor[dodona.Answer](), headers: answerHeaders},
	"/v1/feeds/{feed}/rounds/{round}/explain": {id: "explain", summary: "where the value of a round came from", answer: reflect.TypeFor[explain.Story](), text: "text/plain"},
	"/v1/observations/{id}/explain":           {id: "explainObservation", summary: "where an observation that a sink delivers came from, and what became of it", parameters: []string{"near"}, answer: reflect.TypeFor[explain.ObservationStory](), text: "text/plain"},
	"/v1/feeds/{feed}/rounds/{round}/bundle":  {id: "bundle", summary: "everything that dodona replay needs, readings included", answer: reflect.TypeFor[dodona.Bundle]()},
	"/v1/feeds/{feed}/rounds/{round}/proof":   {id: "proof", summary: "the answer of a round, or the gap it lies in, with its path to the anchor of its window", answer: reflect.TypeFor[dodona.Evidence]()},
	"/v1/sources":                             {id: "sources", summary: "every source as it stands, sorted by name, in pages", parameters: []string{"from", "limit"}, answer: reflect.TypeFor[api.SourcePage]()},
	"/v1/status":                              {id: "status", summary: "the health of the node", answer: reflect.TypeFor[api.Status](), live: true},
	"/v1/stream":                              {id: "stream", summary: "server-sent events: answer, feed, sources, status, reset", parameters: []string{"events", "feeds", "Last-Event-ID"}, text: "text/event-stream", live: true},
	"/v1/sinks/{sink}/resend":                 {id: "resend", summary: "gives an answer, or an anchor, to a sink once more and says what became of it", parameters: []string{"of", "at", "topic", "Dodona-Request"}, answer: reflect.TypeFor[dodona.Receipt](), live: true},
	"/v1/process":                             {id: "process", summary: "what Go knows of the node's process: memory, and where each goroutine stands; answered on the machine itself alone", parameters: []string{"Dodona-Request"}, answer: reflect.TypeFor[api.Process](), live: true},
	"/v1/reload":                              {id: "reload", summary: "reads the configuration again and says what changed", parameters: []string{"Dodona-Request"}, answer: reflect.TypeFor[api.Reloaded](), live: true},
	"/v1/openapi.json":                        {id: "openapi", summary: "this document", answer: reflect.TypeFor[map[string]any](), free: true},
	"/healthz":                                {id: "healthz", summary: "whether the process does its work", answer: reflect.TypeFor[api.Healthy](), live: true, free: true},
	"/readyz":                                 {id: "readyz", summary: "whether the node can answer now", answer: reflect.TypeFor[api.Readiness](), live: true, free: true},
	"/metrics":                                {id: "metrics", summary: "metrics in Prometheus' text format", text: "text/plain", live: true},
}

func parameter(in, name, description string, required bool, schema object) object {
	p := object{"name": name, "in": in, "description": description, "schema": schema}
	if required {
		p["required"] = true
	}
	return p
}

func header(description string, required bool) object {
	h := object{"description": description, "schema": object{"type": "string"}}
	if required {
		h["required"] = true
	}
	return h
}

// document returns the OpenAPI document of the routes in patterns.
func document(t testing.TB, patterns map[string]string) []byte {
	s := newSchemas(t)
	paths := object{}
	for pattern, method := range patterns {
		o, known := operations[pattern]
		if !known {
			t.Fatalf("the route %s %s is not in operations: say there what it answers", method, pattern)
		}
		paths[pattern] = object{strings.ToLower(method): o.describe(s, pattern)}
	}
	s.made["ProblemDocument"] = object{
		"type": "object", "description": "A problem document (RFC 9457). Some kinds have further members, such as inputs.",
		"required": []string{"type", "title", "status", "detail"}, "additionalProperties": true,
		"properties": object{
			"type":   object{"type": "string", "format": "uri", "description": "leads to the explanation of this kind of problem"},
			"title":  object{"type": "string"},
			"status": object{"type": "integer"},
			"detail": object{"type": "string", "description": "what happened and what to do"},
		},
	}
	problem := func(description string) object {
		return object{"description": description, "content": object{"application/problem+json": object{"schema": ref("schemas", "ProblemDocument")}}}
	}
	doc := object{
		"openapi": "3.1.1",
		"info": object{
			"title": "Dodona", "version": "1", "summary": "Answers of an oracle node, and how it stands.",
			"description": "docs/guide/api.md leads; this document lists. Values are decimal strings of integers scaled by their feed's decimals.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []object{{"url": "/", "description": "the node that serves this document"}},
		"security": []object{{"token": []string{}}, {}},
		"paths":    paths,
		"components": object{
			"schemas":         s.made,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "one of api.tokens in the configuration; a node without tokens listens on loopback only"}},
			"parameters": object{
				"feed":           parameter("path", "feed", "a feed's name", true, object{"type": "string", "maxLength": 255}),
				"round":          parameter("path", "round", "Unix milliseconds, a time in RFC 3339, or latest", true, object{"type": "string"}),
				"id":             parameter("path", "id", "the id of an observation, 32 hex digits", true, object{"type": "string", "pattern": "^[0-9a-f]{32}$"}),
				"near":           parameter("query", "at", "when it was received, roughly: Unix milliseconds or a time in RFC 3339; it is found sooner so", false, object{"type": "string"}),
				"sink":           parameter("path", "sink", "a sink's name", true, object{"type": "string", "maxLength": 255}),
				"of":             parameter("query", "feed", "whose answer; of an anchor: series", true, object{"type": "string"}),
				"at":             parameter("query", "round", "Unix milliseconds, a time in RFC 3339, or latest; of an anchor: the end of its window", true, object{"type": "string"}),
				"topic":          parameter("query", "topic", "data for an answer, or anchor; data if absent", false, object{"type": "string", "enum": []string{"data", "anchor"}}),
				"from":           parameter("query", "from", "a name: the page begins at it, or after it if it is gone", false, object{"type": "string"}),
				"fromRound":      parameter("query", "from", "a round: the page begins at it or after it; without it the newest rounds are listed", false, object{"type": "string"}),
				"encoding":       parameter("query", "encoding", "json, or evm for the calldata of a contract's update", false, object{"type": "string", "enum": []string{"json", "evm"}}),
				"limit":          parameter("query", "limit", "the most items of a page", false, object{"type": "integer", "minimum": 1, "maximum": 1000}),
				"events":         parameter("query", "events", "answer, feed, sources or status, joined by commas; all if absent", false, object{"type": "string"}),
				"feeds":          parameter("query", "feed", "names of feeds, joined by commas; all if absent", false, object{"type": "string"}),
				"Last-Event-ID":  parameter("header", "Last-Event-ID", "the id of the last event that arrived: newer ones that are kept are sent again", false, object{"type": "string"}),
				"Dodona-Request": parameter("header", "Dodona-Request", "anything; needed where there are no tokens, because no page of another site can send it", false, object{"type": "string"}),
				"If-None-Match":  parameter("header", "If-None-Match", "tags of what the client holds", false, object{"type": "string"}),
			},
			"headers": object{
				"Etag":           header("names these bytes; send it in If-None-Match", true),
				"Link":           header(`the next page, rel="next", if there is one`, false),
				"Dodona-Value":   header("the value for people, without its unit", true),
				"Dodona-Time":    header("the round in RFC 3339", true),
				"Dodona-Quality": header("good, uncertain or bad", true),
				"Last-Modified":  header("the round, as HTTP writes times", true),
			},
			"responses": object{
				"Unchanged": object{"description": "the client holds these bytes already"},
				"Refused":   problem("what was asked for is not there, or not allowed, or wrong"),
				"Failed":    problem("the node cannot answer now"),
			},
		},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (o operation) describe(s *schemas, pattern string) object {
	parameters := []object{}
	for _, name := range []string{"feed", "round", "sink", "id"} {
		if strings.Contains(pattern, "{"+name+"}") {
			parameters = append(parameters, ref("parameters", name))
		}
	}
	for _, name := range o.parameters {
		parameters = append(parameters, ref("parameters", name))
	}
	content := object{}
	if o.answer != nil {
		content["application/json"] = object{"schema": s.of(o.answer)}
	}
	if o.text != "" {
		content[o.text] = object{"schema": object{"type": "string"}}
	}
	headers := object{}
	for _, name := range o.headers {
		headers[name] = ref("headers", name)
	}
	if slices.Contains(o.parameters, "limit") {
		headers["Link"] = ref("headers", "Link")
	}
	fine := object{"description": "what was asked for", "content": content}
	responses := object{"200": fine, "4XX": ref("responses", "Refused"), "5XX": ref("responses", "Failed")}
	if !o.live {
		headers["Etag"] = ref("headers", "Etag")
		parameters = append(parameters, ref("parameters", "If-None-Match"))
		responses["304"] = ref("responses", "Unchanged")
	}
	if len(headers) > 0 {
		fine["headers"] = headers
	}
	d := object{"operationId": o.id, "summary": o.summary, "responses": responses}
	if len(parameters) > 0 {
		d["parameters"] = parameters
	}
	if o.free {
		d["security"] = []object{}
	}
	return d
}

func TestTheDocumentIsWhatTheCodeSays(t *testing.T) {
	recorder := prom.New()
	_, h := newAPI(api.Config{Metrics: recorder, Recorder: recorder})
	patterns := h.Patterns()
	want := document(t, patterns)
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("openapi.json is not what the code says; if the change is meant, run: go generate ./api\n%s", cmp.Diff(string(got), string(want)))
	}
	for pattern := range operations {
		if patterns[pattern] == "" {
			t.Errorf("operations describes %s, which is no route", pattern)
		}
	}
}

// TestAnswersAreWhatTheDocumentPromises asks for everything, good and bad, and holds each answer to the document
// that the node itself serves.
func TestAnswersAreWhatTheDocumentPromises(t *testing.T) {
	recorder := prom.New()
	p, h := newAPI(api.Config{Metrics: recorder, Recorder: recorder})
	contract, err := apitest.Parse(ask(h, "GET", "/v1/openapi.json").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	const round = "/v1/feeds/btc.usd/rounds/1795349070000"
	asked := map[string]bool{}
	check := func(method, target string, header ...string) *http.Response {
		w := ask(h, method, target, header...)
		if err := contract.Check(method, target, w.Code, w.Header(), w.Body.Bytes()); err != nil {
			t.Errorf("%s %s %v: %d: %v\n%s", method, target, header, w.Code, err, w.Body)
		}
		return w.Result()
	}
	for _, target := range []string{
		"/v1/feeds", "/v1/feeds?limit=1", "/v1/feeds?limit=x", "/v1/feeds/btc.usd", "/v1/feeds/none", "/v1/feeds/btc.usd/latest", "/v1/feeds/quiet/latest",
		"/v1/feeds/btc.usd/rounds", "/v1/feeds/btc.usd/rounds?from=1&limit=1", "/v1/feeds/btc.usd/rounds?from=x", "/v1/feeds/quiet/rounds",
		round, "/v1/feeds/btc.usd/rounds/1795349060000", "/v1/feeds/btc.usd/rounds/1795349071000", "/v1/feeds/btc.usd/rounds/noon", round + "/bundle", round + "/proof",
		"/v1/observations/" + anObservation + "/explain", "/v1/observations/" + anObservation[1:] + "0/explain", "/v1/observations/x/explain",
		"/v1/sources", "/v1/status", "/v1/stream?events=gossip", "/v1/openapi.json", "/healthz", "/readyz", "/metrics",
	} {
		r := check("GET", target)
		if tag := r.Header.Get("Etag"); tag != "" {
			if again := check("GET", target, "If-None-Match", `"other", W/`+tag); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s with its tag: got %d, want 304", target, again.StatusCode)
			}
			if again := check("GET", target, "If-None-Match", `"other,", `+tag[:len(tag)-2]+`"`); again.StatusCode != http.StatusOK {
				t.Errorf("%s with other tags: got %d, want 200", target, again.StatusCode)
			}
		}
		path, _, _ := strings.Cut(target, "?")
		asked[path] = true
	}
	check("POST", "/v1/reload")
	check("POST", "/v1/reload", api.RequestHeader, "1")
	check("POST", "/v1/sinks/hook/resend?feed=btc.usd&round=1795349070000")
	check("POST", "/v1/sinks/hook/resend?feed=btc.usd&round=1795349070000", api.RequestHeader, "1")
	// What explain tells is checked with a real story, in package node; here, that text is text.
	check("GET", round+"/explain", "Accept", "text/plain")
	p.problems = []api.Problem{{Part: "journal", Message: "starts"}}
	check("GET", "/readyz")
	check("GET", "/v1/status")
	if err := contract.Check("GET", "/v1/status", 200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"node": 7, "gossip": true}`)); err == nil {
		t.Error("the document takes anything for a status")
	}
	bare := ask(h, "GET", round)
	bare.Header().Del("Etag")
	if err := contract.Check("GET", round, bare.Code, bare.Header(), bare.Body.Bytes()); err == nil {
		t.Error("the document takes an answer without the header that it promises")
	}
	if got := len(contract.Operations()); got < len(asked)-8 || got != len(operations) {
		t.Errorf("the document has %d operations, the code %d", got, len(operations))
	}
}

func TestListsComeInPages(t *testing.T) {
	p, h := newAPI(api.Config{})
	p.add(dodona.Feed{Name: "a.last", Kind: dodona.Number}, 1e10)
	p.add(dodona.Feed{Name: "z.last", Kind: dodona.Number}, 1e10)
	for range 3 {
		p.sources = append(p.sources, api.SourceStatus{Name: "source-" + string(rune('a'+len(p.sources))), Kind: "http", State: "ok"})
	}
	for _, c := range []struct {
		target string
		want   []string
	}{
		{"/v1/feeds?limit=1", []string{"a.last", "btc.usd", "quiet", "z.last"}},
		{"/v1/feeds?limit=3", []string{"a.last", "btc.usd", "quiet", "z.last"}},
		{"/v1/feeds?from=btc&limit=2", []string{"btc.usd", "quiet", "z.last"}},
		{"/v1/feeds?from=zz", nil},
		{"/v1/sources?limit=2", []string{"kraken", "source-b", "source-c", "source-d"}},
		{"/v1/feeds/btc.usd/rounds?from=1&limit=1", []string{"1795349060000", "1795349070000"}},
	} {
		var names []string
		pages := 0
		for target := c.target; target != ""; pages++ {
			w := ask(h, "GET", target)
			var body struct {
				Feeds   []struct{ Name string }
				Sources []struct{ Name string }
				Rounds  []struct{ Round dodona.Round }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || pages > 9 {
				t.Fatalf("%s: %d %s %v", target, w.Code, w.Body, err)
			}
			for _, item := range append(body.Feeds, body.Sources...) {
				names = append(names, item.Name)
			}
			for _, item := range body.Rounds {
				names = append(names, item.Round.ID())
			}
			link := w.Header().Get("Link")
			target, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
			if link != "" && !strings.HasSuffix(link, `; rel="next"`) {
				t.Errorf("%s: link %q", c.target, link)
			}
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: got %v in %d pages, want %v", c.target, names, pages, c.want)
		}
	}
}

// TestEveryProblemIsAProblemDocument lists what is refused before any handler, too.
func TestEveryProblemIsAProblemDocument(t *testing.T) {
	_, h := newAPI(api.Config{})
	for _, target := range slices.Sorted(maps.Keys(h.Patterns())) {
		path := strings.NewReplacer("{feed}", "btc.usd", "{round}", "1795349070000").Replace(target)
		for _, w := range []*http.Response{
			ask(h, "PATCH", path).Result(), ask(h, "GET", path+"/").Result(), ask(h, "GET", path, "Host", "evil.example").Result(),
		} {
			if w.StatusCode < 400 || w.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: got %d with %q", path, w.StatusCode, w.Header.Get("Content-Type"))
			}
		}
	}
}
