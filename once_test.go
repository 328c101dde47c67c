package dodona

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// once says what of the standard library is not used directly, because a package of ours does it for everybody, and who
// nevertheless may and why. A folder's entry covers the folders below it.
var once = map[string]struct {
	use string
	may map[string]string
}{
	"os.WriteFile": {"internal/durable, which a power cut leaves whole", map[string]string{
		"module/native/worker_linux.go": "writes a setting of the kernel", "module/testdata": "guests have their own files",
		"internal/fielddoc/generate": "development", "verify/wasm/record.go": "development", "scripts": "development",
	}},
	"os.Rename": {"internal/durable", map[string]string{
		"internal/durable": "", "module/native": "moves native code within a private folder that each start empties",
		"journal/upgrade.go": "moves a whole file, and syncs the folder",
	}},
	"os.Create": {"internal/durable", map[string]string{"scripts": "development"}},
	"os.CreateTemp": {"internal/durable", map[string]string{
		"internal/durable": "", "module/native": "native code in a private folder that each start empties", "bus": "looks whether there is room",
	}},

	"net/http.Client":               {"internal/httpc, which bounds what strangers say", map[string]string{"internal/httpc": ""}},
	"net/http.Transport":            {"internal/httpc", map[string]string{"internal/httpc": ""}},
	"net/http.DefaultClient":        {"internal/httpc", nil},
	"net/http.DefaultTransport":     {"internal/httpc", nil},
	"net/http.Get":                  {"internal/httpc", nil},
	"net/http.Head":                 {"internal/httpc", nil},
	"net/http.Post":                 {"internal/httpc", nil},
	"net/http.PostForm":             {"internal/httpc", nil},
	"net/url.Error":                 {"internal/httpc.WithoutURL", map[string]string{"internal/httpc": ""}},
	"unicode.IsControl":             {"internal/plain, which makes strangers' text safe to show", nil},
	"unicode.IsGraphic":             {"internal/plain", nil},
	"unicode.IsPrint":               {"internal/plain", map[string]string{"internal/plain": "", "verify": "a rule of the report's format", "module/abi/text.go": "a rule of the guests' ABI"}},
	"strconv.IsPrint":               {"internal/plain", nil},
	"strconv.IsGraphic":             {"internal/plain", nil},
	"unicode/utf8.RuneStart":        {"internal/plain", map[string]string{"internal/plain": "", "module/abi/text.go": "a rule of the guests' ABI", "module/wasm/parse_names.go": "bounds a key"}},
	"strings.ToValidUTF8":           {"internal/plain", map[string]string{"internal/plain": "", "telemetry/prom": "bounds a key"}},
	"net/http.ListenAndServe":       {"package api, which bounds what clients take", nil},
	"net/http.ProxyFromEnvironment": {"internal/httpc", map[string]string{"internal/httpc": ""}},
}

// seams says which package follows which spans of package telemetry: one place for each.
var seams = map[string]string{
	"Exchange": "source", "Compute": "feed", "Transform": "feed", "Sign": "sign", "Append": "journal",
	"Attest": "quorum", "Seal": "anchor", "Deliver": "sink sink/evm",
}

// named returns the names of other packages that a file uses, as "path.Name". A type counts where it is built or declared
// as a value, not behind a pointer: a client that is handed over was made elsewhere.
func named(file *ast.File) (names []string) {
	paths := map[string]string{}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		paths[name] = imported
	}
	add := func(e ast.Expr) {
		if s, ok := e.(*ast.SelectorExpr); ok {
			if pkg, ok := s.X.(*ast.Ident); ok && paths[pkg.Name] != "" {
				names = append(names, paths[pkg.Name]+"."+s.Sel.Name)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr: // of a type, or the value behind a pointer
			s, ok := n.X.(*ast.SelectorExpr)
			if ok && s.Sel.Name != "Error" {
				return false
			}
		case *ast.SelectorExpr:
			add(n)
		}
		return true
	})
	return names
}

// byHand returns why a file must not use a name, or "".
func byHand(file, name string) string {
	if of, spans := strings.CutPrefix(name, module+"/telemetry."); spans {
		if where := seams[of]; where != "" && !slices.Contains(strings.Fields(where), path.Dir(file)) {
			return "the span of this seam is in " + where
		}
		return ""
	}
	rule, known := once[name]
	if !known {
		return ""
	}
	for dir := file; dir != "."; dir = path.Dir(dir) {
		if _, may := rule.may[dir]; may {
			return ""
		}
	}
	return "use " + rule.use
}

func TestTheLawOfWhatIsBuiltOnce(t *testing.T) {
	used, followed := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "node_modules" || (len(name) > 1 && name[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		file = filepath.ToSlash(file)
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || testHelper(path.Dir(file)) {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		for _, name := range named(parsed) {
			if why := byHand(file, name); why != "" {
				t.Errorf("%s uses %s: %s", file, name, why)
			}
			for dir := file; dir != "."; dir = path.Dir(dir) {
				used[name+" "+dir] = true
			}
			followed[strings.TrimPrefix(name, module+"/telemetry.")] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range once {
		for dir := range rule.may {
			if !used[name+" "+dir] {
				t.Errorf("%s no longer uses %s; take it from the table", dir, name)
			}
		}
	}
	for _, seam := range slices.Sorted(maps.Keys(seams)) {
		if !followed[seam] {
			t.Errorf("nobody follows the span %s", seam)
		}
	}
}

// TestTheLawOfWhatIsBuiltOnceBites plants violations, because a check that cannot fail is none.
func TestTheLawOfWhatIsBuiltOnceBites(t *testing.T) {
	for _, c := range []struct{ file, imports, body, want string }{
		{"journal/folder.go", `"os"`, `os.WriteFile("format", nil, 0o600)`, "internal/durable"},
		{"sign/keystore.go", `"os"`, `f := os.Rename; f("a", "b")`, "internal/durable"},
		{"node/state.go", `disk "os"`, `disk.CreateTemp("", "")`, "internal/durable"},
		{"source/opcua/client.go", `"net/http"`, `c := &http.Client{}; _ = c`, "internal/httpc"},
		{"source/opcua/client.go", `"net/http"`, `var c http.Client; _ = c`, "internal/httpc"},
		{"source/opcua/client.go", `"net/http"`, `c := new(http.Transport); _ = c`, "internal/httpc"},
		{"cmd/dodona/client.go", `"net/http"`, `http.Get("http://a.example")`, "internal/httpc"},
		{"sink/mqtt/mqtt.go", `"net/url"`, `var e *url.Error; _ = e`, "internal/httpc"},
		{"explain/text.go", `"unicode"`, `strings.Map(unicode.IsPrint)`, "internal/plain"},
		{"explain/text.go", `"strconv"`, `strconv.IsPrint('a')`, "internal/plain"},
		{"node/rounds.go", `"` + module + `/telemetry"`, `telemetry.Sign()`, "the span of this seam is in sign"},
	} {
		src := "package x\n\nimport " + c.imports + "\n\nfunc f() { " + c.body + " }\n"
		parsed, err := parser.ParseFile(token.NewFileSet(), c.file, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		told := ""
		for _, name := range named(parsed) {
			told += byHand(c.file, name)
		}
		if !strings.Contains(told, c.want) {
			t.Errorf("%s may say %s: got %q, want %s", c.file, c.body, told, c.want)
		}
	}
	for file, name := range map[string]string{
		"internal/durable/durable.go": "os.Rename", "internal/httpc/httpc.go": "net/http.Client",
		"verify/verify.go": "unicode.IsPrint", "journal/folder.go": "os.OpenFile", "sign/signer.go": module + "/telemetry.Sign",
	} {
		if why := byHand(file, name); why != "" {
			t.Errorf("%s must be allowed %s: %s", file, name, why)
		}
	}
}

// grouping returns the functions of a file that seem to set the thousands of a number apart: they count by three and
// write a comma. [Decimal.Grouped] does it for everybody.
func grouping(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		three, comma := false, false
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				three = three || (n.Tok == token.SUB_ASSIGN || n.Tok == token.ADD_ASSIGN) && isThree(n.Rhs[0])
			case *ast.BinaryExpr:
				three = three || (n.Op == token.REM || n.Op == token.SUB || n.Op == token.ADD) && isThree(n.Y)
			case *ast.BasicLit:
				comma = comma || n.Value == `","` || n.Value == `','`
			}
			return true
		})
		if three && comma {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

func isThree(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Value == "3"
}

// ofScript is what groups digits in the page, or makes a float of them: web/dom.js does the one, nobody the other.
var ofScript = regexp.MustCompile(`\\d\{3\}|toLocaleString\(\)\s*\+|NumberFormat|parseFloat\(.*\.text`)

// TestTheLawThatNumbersAreWrittenOnce: people read the same digits, grouped in one way, wherever they look.
func TestTheLawThatNumbersAreWrittenOnce(t *testing.T) {
	found := 0
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() {
			if name == "node_modules" || name == "testdata" || name == "docs" || name == "contracts" || (len(name) > 1 && name[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		file = filepath.ToSlash(file)
		switch {
		case path.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go"):
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				return err
			}
			for _, name := range grouping(parsed) {
				if found++; file != "decimal.go" || name != "Grouped" {
					t.Errorf("%s of %s sets thousands apart: use Feed.Format, Decimal.Grouped or Thousands", name, file)
				}
			}
		case path.Ext(file) == ".js" && path.Dir(file) == "web":
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if told := ofScript.FindString(string(text)); told != "" && file != "web/dom.js" {
				t.Errorf("%s groups digits by itself (%s): use grouped of web/dom.js", file, told)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("found %d functions that set thousands apart, want the one of decimal.go: %v", found, err)
	}
}

// TestTheLawThatNumbersAreWrittenOnceBites plants violations, because a check that cannot fail is none.
func TestTheLawThatNumbersAreWrittenOnceBites(t *testing.T) {
	for _, body := range []string{
		`for i := len(s) - 3; i > 0; i -= 3 { s = s[:i] + "," + s[i:] }`,
		`for i, c := range s { if (len(s)-i)%3 == 0 { b.WriteByte(',') }; b.WriteRune(c) }`,
	} {
		parsed, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n\nfunc f() { "+body+" }\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(grouping(parsed)) == 0 {
			t.Errorf("nobody sees that this groups digits: %s", body)
		}
	}
	for _, line := range []string{`text.replace(/(\d{3})/g, "$1,")`, `new Intl.NumberFormat("en").format(v)`} {
		if !ofScript.MatchString(line) {
			t.Errorf("nobody sees that the page groups digits: %s", line)
		}
	}
}
