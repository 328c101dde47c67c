// Package fielddoc turns the comments of settings into the manual: config/fields.json, which the JSON Schema quotes,
// docs/kinds/*.md and docs/guide/configuration.md; and the declarations of metrics into docs/guide/metrics.md.
//
// It reads source text alone and ignores build tags, so that the manual is the same whatever a build contains.
package fielddoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// module is the path of this module.
const module = "github.com/dodona-oracle/dodona"

// A Struct is one struct of settings: one with yaml tags.
type Struct struct {
	Doc    string  `json:"doc"`
	Fields []Field `json:"fields"`
}

// A Field is one setting.
type Field struct {
	Name     string `json:"name"`              // its key in YAML
	Type     string `json:"type"`              // for people: "duration", "list of text"
	Doc      string `json:"doc"`               // without the default
	Default  string `json:"default,omitempty"` // in words
	Required bool   `json:"required,omitempty"`

	live   bool   // a reload changes it
	of     string // what it is made of, such as "internal/httpc.Basic"; a struct if it is in Structs
	inline bool   // it stands for the settings of that struct
}

// A Manual is what the source says: structs by name ("config.Node", "source/http.Settings"), kinds of sources and sinks, and metrics.
type Manual struct {
	Structs map[string]Struct
	Kinds   []Kind // sorted
	Metrics []Group
	Faults  []Fault // of every source

	short    map[string]bool     // types of which a single value stands for one of their settings
	words    map[string][]string // what a type may be, with the comment of the constant: "batch (…)"
	generics map[string]generic  // by name, as Structs
	made     []instance          // of generics
}

// A generic is a struct of settings with type parameters, which is none itself.
type generic struct {
	fields  []*ast.Field
	params  []string
	imports map[string]string
}

// An instance is a struct of settings that is made of a generic: type Allow Ways[[]string, string].
type instance struct {
	dir, name, of string
	doc           *ast.CommentGroup
	args          []ast.Expr
}

// A Kind is a kind of source or sink: its key in YAML, its folder, what its package comment says, and a configuration that has one.
type Kind struct {
	Name, Dir, Doc, Example string

	Faults []Fault // of a source: its own, and those of what it is made of
}

// Read reads the settings below root, the top of the module. A setting without a comment, or one whose comment
// says neither "Default: …" nor "Required." in a kind of source, is an error, and so is a metric that Prometheus would not take.
func Read(root string) (Manual, error) {
	m := Manual{Structs: map[string]Struct{}, words: map[string][]string{}, short: map[string]bool{}, generics: map[string]generic{}}
	var dirs []string
	for _, floor := range []string{"*", "internal/*", "module/*", "source/*", "sink/*"} {
		found, err := fs.Glob(os.DirFS(root), floor)
		if err != nil {
			return m, fmt.Errorf("list packages: %w", err)
		}
		dirs = append(dirs, found...)
	}
	var mistakes []error
	for _, dir := range dirs {
		if info, err := os.Stat(filepath.Join(root, dir)); err != nil || !info.IsDir() {
			continue
		}
		mistakes = append(mistakes, m.readDir(root, dir))
	}
	for _, i := range m.made {
		if m.isSetting(i.dir + "." + i.name) {
			mistakes = append(mistakes, m.make(i))
		}
	}
	m.finish()
	mistakes = append(mistakes, m.readMetrics(root), m.readFaults(root))
	slices.SortFunc(m.Kinds, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	if err := errors.Join(mistakes...); err != nil {
		return m, fmt.Errorf("read the source: %w", err)
	}
	return m, nil
}

// finish tells the settings that are made of others from those that are one word, and says which words there are.
func (m *Manual) finish() {
	for name, s := range m.Structs {
		s.Fields = m.flat(s.Fields)
		m.Structs[name] = s
	}
	for _, s := range m.Structs {
		for i, f := range s.Fields {
			if _, found := m.Structs[f.of]; found {
				s.Fields[i].Type = strings.TrimSuffix(f.Type, "text") + "map"
			}
			if m.short[f.of] {
				s.Fields[i].Type = strings.TrimSuffix(s.Fields[i].Type, "map") + "text or map"
			}
			if own := ownWords[f.of]; own != "" {
				s.Fields[i].Type = own
			}
			if words := m.words[f.of]; len(words) > 0 {
				many := "One"
				if strings.HasPrefix(f.Type, "list of ") {
					many = "Any"
				}
				s.Fields[i].Doc += " " + many + " of: " + strings.Join(words, ", ") + "."
			}
		}
	}
}

// ownWords are what values are called whose type says itself how it is written.
var ownWords = map[string]string{"internal/keyfile.Key": "key", "sink/evm.Price": "price"}

// flat returns settings with those of embedded structs in their place.
func (m *Manual) flat(fields []Field) (out []Field) {
	for _, f := range fields {
		if f.inline {
			out = append(out, m.flat(m.Structs[f.of].Fields)...)
			continue
		}
		out = append(out, f)
	}
	return out
}

// addWord adds a constant of a type of its own that has a comment beside it.
func (m *Manual) addWord(dir string, spec *ast.ValueSpec) {
	typ, named := spec.Type.(*ast.Ident)
	if !named || len(spec.Values) != 1 || spec.Comment == nil {
		return
	}
	if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
		word, _ := strconv.Unquote(literal.Value)
		of := dir + "." + typ.Name
		m.words[of] = append(m.words[of], word+" ("+text(spec.Comment)+")")
	}
}

// readDir adds the structs, and the kind if there is one, of one folder.
func (m *Manual) readDir(root, dir string) error {
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return err
	}
	var mistakes []error
	var packageDoc, kind string
	for _, e := range entries {
		name := e.Name()
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, dir, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		if file.Doc != nil {
			packageDoc = text(file.Doc)
		}
		names := importsOf(file)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "Shorthand" && n.Recv != nil {
					if of, named := n.Recv.List[0].Type.(*ast.Ident); named {
						m.short[dir+"."+of.Name] = true
					}
				}
			case *ast.GenDecl:
				for _, spec := range n.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						mistakes = append(mistakes, m.addStruct(dir, names, s, n.Doc))
					case *ast.ValueSpec:
						m.addWord(dir, s)
					}
				}
			case *ast.CallExpr:
				if k := kindName(n); k != "" {
					kind = k
				}
			}
			return true
		})
	}
	if kind != "" && strings.Contains(dir, "/") {
		example, err := os.ReadFile(filepath.Join(root, dir, "example.yaml"))
		mistakes = append(mistakes, err)
		m.Kinds = append(m.Kinds, Kind{Name: kind, Dir: dir, Doc: packageDoc, Example: string(example)})
	}
	return errors.Join(mistakes...)
}

// kindName returns NAME of source.NewPolled("NAME", …), source.NewPushed, sink.NewStream, sink.NewSlot and sink.NewPoints.
func kindName(call *ast.CallExpr) string {
	f := call.Fun
	if indexed, ok := f.(*ast.IndexExpr); ok {
		f = indexed.X
	}
	selector, ok := f.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"NewPolled", "NewPushed", "NewStream", "NewSlot", "NewPoints"}, selector.Sel.Name) || len(call.Args) == 0 {
		return ""
	}
	if literal, ok := call.Args[0].(*ast.BasicLit); ok {
		name, _ := strconv.Unquote(literal.Value)
		return name
	}
	return ""
}

// importsOf returns the folders of this module that a file imports, by the names it has for them.
func importsOf(file *ast.File) map[string]string {
	dirs := make(map[string]string)
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if dir, ours := strings.CutPrefix(imported, module+"/"); ours && spec.Name == nil {
			dirs[path.Base(dir)] = dir
		}
	}
	return dirs
}

// addStruct adds a struct that has a setting, or notes that it is generic, or made of one that is.
func (m *Manual) addStruct(dir string, imports map[string]string, t *ast.TypeSpec, doc *ast.CommentGroup) error {
	if t.Doc != nil {
		doc = t.Doc
	}
	switch typ := t.Type.(type) {
	case *ast.StructType:
		if t.TypeParams == nil {
			return m.addFields(dir, t.Name.Name, imports, typ.Fields.List, doc)
		}
		g := generic{fields: typ.Fields.List, imports: imports}
		for _, list := range t.TypeParams.List {
			for _, param := range list.Names {
				g.params = append(g.params, param.Name)
			}
		}
		m.generics[dir+"."+t.Name.Name] = g
	case *ast.IndexListExpr:
		if of, ok := typ.X.(*ast.Ident); ok {
			m.made = append(m.made, instance{dir, t.Name.Name, dir + "." + of.Name, doc, typ.Indices})
		}
	}
	return nil
}

// isSetting reports whether a setting is made of a type.
func (m *Manual) isSetting(of string) bool {
	for _, s := range m.Structs {
		if slices.ContainsFunc(s.Fields, func(f Field) bool { return f.of == of }) {
			return true
		}
	}
	return false
}

// make adds a struct that is made of a generic one.
func (m *Manual) make(i instance) error {
	g := m.generics[i.of]
	fields := make([]*ast.Field, len(g.fields))
	for n, f := range g.fields {
		fields[n] = f
		if name, ok := f.Type.(*ast.Ident); ok {
			if at := slices.Index(g.params, name.Name); at >= 0 {
				written := *f
				written.Type = i.args[at]
				fields[n] = &written
			}
		}
	}
	return m.addFields(i.dir, i.name, g.imports, fields, i.doc)
}

func (m *Manual) addFields(dir, name string, imports map[string]string, fields []*ast.Field, doc *ast.CommentGroup) error {
	s := Struct{Doc: text(doc)}
	var mistakes []error
	for _, f := range fields {
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		key, options, _ := strings.Cut(reflect.StructTag(tag).Get("yaml"), ",")
		if len(f.Names) == 0 && options == "inline" {
			_, of := typeWords(dir, imports, f.Type)
			s.Fields = append(s.Fields, Field{of: of, inline: true})
			continue
		}
		if key == "" || key == "-" {
			continue
		}
		field, err := newField(dir, imports, key, f)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s.%s: %w", dir, name, err))
		}
		field.live = reflect.StructTag(tag).Get("live") == "true"
		s.Fields = append(s.Fields, field)
	}
	if len(s.Fields) > 0 {
		m.Structs[dir+"."+name] = s
	}
	return errors.Join(mistakes...)
}

func newField(dir string, imports map[string]string, key string, f *ast.Field) (Field, error) {
	doc := text(f.Doc)
	if doc == "" {
		return Field{Name: key}, fmt.Errorf("setting %q has no comment", key)
	}
	out := Field{Name: key}
	doc = withoutName(doc, f.Names[0].Name, key)
	out.Type, out.of = typeWords(dir, imports, f.Type)
	doc, out.Default, _ = strings.Cut(doc, "Default: ")
	out.Default = strings.TrimSuffix(out.Default, ".")
	if before, required := strings.CutSuffix(strings.TrimSpace(doc), "Required."); required {
		doc, out.Required = before, true
	}
	out.Doc = strings.TrimSpace(doc)
	if strings.HasPrefix(dir, "source/") && out.Default == "" && !out.Required {
		return out, fmt.Errorf("setting %q: the comment says neither Default: nor Required", key)
	}
	return out, nil
}

// withoutName turns "MaxSize is the largest …" into "The largest …", and "MaxSize of …" into "max_size of …",
// because in the manual the key stands beside it.
func withoutName(doc, goName, key string) string {
	rest, found := strings.CutPrefix(doc, goName+" ")
	if !found {
		return doc
	}
	for _, verb := range []string{"is ", "are ", "says "} {
		if said, found := strings.CutPrefix(rest, verb); found && said != "" {
			first := []rune(said)[:1]
			return strings.ToUpper(string(first)) + said[len(string(first)):]
		}
	}
	if strings.EqualFold(goName, key) {
		return doc
	}
	return key + " " + rest
}

// typeWords returns the words for a type, and the type of this module that it is made of, which may be a struct.
func typeWords(dir string, imports map[string]string, e ast.Expr) (words, of string) {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeWords(dir, imports, t.X)
	case *ast.ArrayType:
		words, of = typeWords(dir, imports, t.Elt)
		return "list of " + words, of
	case *ast.MapType:
		words, of = typeWords(dir, imports, t.Value)
		return "map to " + words, of
	case *ast.IndexExpr: // tags.Map[Register]
		words, of = typeWords(dir, imports, t.Index)
		return "map or file to " + words, of
	case *ast.SelectorExpr:
		pkg, _ := t.X.(*ast.Ident)
		name := pkg.Name + "." + t.Sel.Name
		if known, found := knownTypes[name]; found {
			return known, ""
		}
		return "text", imports[pkg.Name] + "." + t.Sel.Name
	case *ast.Ident:
		switch {
		case strings.HasPrefix(t.Name, "int"), strings.HasPrefix(t.Name, "uint"):
			return "whole number", ""
		case t.Name == "bool":
			return "true or false", ""
		case t.Name == "Percent":
			return "percentage", ""
		}
		return "text", dir + "." + t.Name
	}
	return "text", ""
}

var knownTypes = map[string]string{
	"time.Duration": "duration", "unit.Size": "size", "secret.String": "secret",
	"dodona.Decimal": "decimal", "dodona.Address": "address", "extract.Rule": "rule", "unit.Percent": "percentage", "feed.Percent": "percentage",
}

// text returns a comment as one paragraph a line.
func text(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	paragraphs := strings.Split(strings.TrimSpace(group.Text()), "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return strings.Join(paragraphs, "\n\n")
}

// Files returns every generated file by its path below the top of the module.
func (m Manual) Files() (map[string][]byte, error) {
	var fields bytes.Buffer
	encoder := json.NewEncoder(&fields)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(m.Structs); err != nil {
		return nil, fmt.Errorf("write field documentation: %w", err)
	}
	files := map[string][]byte{
		"config/fields.json":          fields.Bytes(),
		"docs/guide/configuration.md": m.configuration(),
		"docs/guide/metrics.md":       m.metrics(),
	}
	kinds, err := m.facts()
	if err != nil {
		return nil, err
	}
	files["docs/kinds/kinds.json"] = kinds
	for _, k := range m.Kinds {
		files[path.Join("docs/kinds", m.page(k)+".md")] = m.kind(k)
	}
	return files, nil
}
