// Package apitest checks answers of the API against its OpenAPI document. Tests alone import it.
package apitest

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const location = "dodona:openapi.json"

// A Contract is an OpenAPI document with its schemas compiled.
type Contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

// Parse reads a document and compiles every schema of its components. Objects are closed: a member that no schema
// names is an error here, though clients should overlook it.
func Parse(raw []byte) (*Contract, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	doc, isObject := parsed.(map[string]any)
	if !isObject {
		return nil, fmt.Errorf("the document is a %T", parsed)
	}
	c := &Contract{doc: doc, compiler: jsonschema.NewCompiler()}
	closeObjects(doc)
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	c.compiler.AssertContent()
	if err := c.compiler.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("add document: %w", err)
	}
	for name := range c.Schemas() {
		if _, err := c.compiler.Compile(location + "#/components/schemas/" + name); err != nil {
			return nil, fmt.Errorf("compile schema %s: %w", name, err)
		}
	}
	return c, nil
}

// closeObjects forbids members that are not named, wherever some are and nothing is said about others.
func closeObjects(node any) {
	switch n := node.(type) {
	case map[string]any:
		if _, named := n["properties"]; named && n["type"] == "object" && n["additionalProperties"] == nil {
			n["additionalProperties"] = false
		}
		for _, child := range n {
			closeObjects(child)
		}
	case []any:
		for _, child := range n {
			closeObjects(child)
		}
	}
}

// Schemas returns the schemas of the components.
func (c *Contract) Schemas() map[string]any {
	return object(object(c.doc, "components"), "schemas")
}

// Operations returns "GET /path" for each operation, sorted.
func (c *Contract) Operations() (list []string) {
	for path, item := range object(c.doc, "paths") {
		for method := range item.(map[string]any) {
			list = append(list, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(list)
	return list
}

// Check returns an error unless the document promises such an answer to method and target.
func (c *Contract) Check(method, target string, status int, header http.Header, body []byte) error {
	path, _, _ := strings.Cut(target, "?")
	template, found := c.template(path)
	if !found {
		return fmt.Errorf("no path of the document is %s", path)
	}
	operation := object(object(object(c.doc, "paths"), template), strings.ToLower(method))
	if operation == nil {
		return fmt.Errorf("%s has no %s", template, method)
	}
	code, response := pick(object(operation, "responses"), status)
	if response == nil {
		return fmt.Errorf("%s %s: no answer with status %d is promised", method, template, status)
	}
	at := pointer("paths", template, strings.ToLower(method), "responses", code)
	if ref, isRef := response["$ref"].(string); isRef {
		at = strings.TrimPrefix(ref, "#")
		response = c.resolve(at)
	}
	for name, want := range object(response, "headers") {
		described := want.(map[string]any)
		if ref, isRef := described["$ref"].(string); isRef {
			described = c.resolve(strings.TrimPrefix(ref, "#"))
		}
		if required, _ := described["required"].(bool); required && header.Get(name) == "" {
			return fmt.Errorf("%s %s: the header %s is promised", method, template, name)
		}
	}
	content := object(response, "content")
	if content == nil {
		if len(body) > 0 {
			return fmt.Errorf("%s %s: no body is promised with status %d, got %d bytes", method, template, status, len(body))
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || content[media] == nil {
		return fmt.Errorf("%s %s: content type %q with status %d is not promised", method, template, header.Get("Content-Type"), status)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	return c.checkBody(at+pointer("content", media, "schema"), body)
}

func (c *Contract) checkBody(at string, body []byte) error {
	schema, err := c.compiler.Compile(location + "#" + at)
	if err != nil {
		return fmt.Errorf("compile %s: %w", at, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return schema.Validate(value)
}

// template returns the path of the document that path is an instance of; one without parameters wins.
func (c *Contract) template(path string) (string, bool) {
	paths := object(c.doc, "paths")
	if paths[path] != nil {
		return path, true
	}
	segments := strings.Split(path, "/")
	for template := range paths {
		parts := strings.Split(template, "/")
		if slices.EqualFunc(parts, segments, func(part, segment string) bool {
			return part == segment || strings.HasPrefix(part, "{")
		}) {
			return template, true
		}
	}
	return "", false
}

// pick returns the answer for a status: itself, its class, or the default.
func pick(responses map[string]any, status int) (string, map[string]any) {
	for _, code := range []string{strconv.Itoa(status), strconv.Itoa(status/100) + "XX", "default"} {
		if response := object(responses, code); response != nil {
			return code, response
		}
	}
	return "", nil
}

func (c *Contract) resolve(at string) map[string]any {
	node := c.doc
	for part := range strings.SplitSeq(strings.TrimPrefix(at, "/"), "/") {
		node = object(node, part)
	}
	return node
}

func object(of map[string]any, name string) map[string]any {
	o, _ := of[name].(map[string]any)
	return o
}

func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + escape.Replace(p))
	}
	return b.String()
}
