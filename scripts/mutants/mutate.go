package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	pkg      string // folder in the module
	file     string // in the module
	function string // around it, or the word that begins a declaration
	from, to int    // offsets of what is replaced
	was, is  string
	line     int
	ran      int // the line that runs if this one is come by: that of the switch for what a case compares
	nth      int // of the same change in the same function, from 0
}

// key says which mutant it is, and stays when lines above it come and go.
func (m mutant) key() string {
	key := fmt.Sprintf("%s %s: `%s` → `%s`", m.file, m.function, plain(m.was), plain(m.is))
	if m.nth > 0 {
		key += fmt.Sprintf(" (%d)", m.nth+1)
	}
	return key
}

// plain makes a line of Go text that may have several, short and without what would end a cell of a table.
func plain(s string) string {
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "`", "'")
	s = strings.ReplaceAll(s, "|", "¦")
	if r := []rune(s); len(r) > 70 {
		return string(r[:50]) + " … " + string(r[len(r)-17:])
	}
	if s == "" {
		return " "
	}
	return s
}

func (m mutant) apply(text []byte) []byte {
	changed := append([]byte{}, text[:m.from]...)
	changed = append(changed, m.is...)
	return append(changed, text[m.to:]...)
}

// mutants returns every mutant of a file in the order of its text. Some do not compile.
func mutants(pkg, file string, text []byte) ([]mutant, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(tree) {
		return nil, nil
	}
	w := &walk{set: set, text: text, pkg: pkg, file: file, seen: map[string]int{}}
	for _, declared := range tree.Decls {
		w.function = nameOf(declared)
		ast.Inspect(declared, w.visit)
	}
	return w.found, nil
}

func nameOf(declared ast.Decl) string {
	switch d := declared.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name
		}
		of := d.Recv.List[0].Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		if generic, ok := of.(*ast.IndexExpr); ok {
			of = generic.X
		}
		if name, ok := of.(*ast.Ident); ok {
			return name.Name + "." + d.Name.Name
		}
		return d.Name.Name
	case *ast.GenDecl:
		return d.Tok.String()
	}
	return ""
}

// walk gathers the mutants of one file.
type walk struct {
	set       *token.FileSet
	text      []byte
	pkg, file string
	function  string
	seen      map[string]int
	found     []mutant
	failed    [][2]token.Pos // bodies of conditions that say there is an error
	cases     []compared
}

// compared is what stands between case and its colon. No profile has it, for only what follows is a block.
type compared struct {
	from, to token.Pos
	ran      int // the line of its switch or select
}

func (w *walk) at(p token.Pos) int { return w.set.Position(p).Offset }

func (w *walk) source(n ast.Node) string { return string(w.text[w.at(n.Pos()):w.at(n.End())]) }

func (w *walk) add(from, to token.Pos, is string) {
	m := mutant{
		pkg: w.pkg, file: w.file, function: w.function,
		from: w.at(from), to: w.at(to), is: is, line: w.set.Position(from).Line,
	}
	m.was, m.ran = string(w.text[m.from:m.to]), m.line
	for _, c := range w.cases { // the innermost is the last
		if c.from <= from && from < c.to {
			m.ran = c.ran
		}
	}
	key := m.key()
	m.nth = w.seen[key]
	w.seen[key]++
	w.found = append(w.found, m)
}

func (w *walk) replace(n ast.Node, is string) { w.add(n.Pos(), n.End(), is) }

func (w *walk) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		w.binary(n)
	case *ast.IfStmt:
		w.negate(n.Cond)
		if w.source(n.Cond) == "err != nil" {
			w.failed = append(w.failed, [2]token.Pos{n.Body.Pos(), n.Body.End()})
		}
	case *ast.SwitchStmt:
		w.clauses(n.Body)
	case *ast.SelectStmt:
		w.clauses(n.Body)
	case *ast.ReturnStmt:
		return w.results(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			w.replace(n, w.source(n.X))
		}
	case *ast.BasicLit:
		w.number(n)
	case *ast.SelectorExpr:
		w.unit(n)
	case *ast.CallExpr:
		return w.call(n)
	case *ast.Ident:
		switch n.Name {
		case "true":
			w.replace(n, "false")
		case "false":
			w.replace(n, "true")
		}
	case ast.Stmt:
		return w.statement(n)
	case *ast.ImportSpec, *ast.Field:
		return false
	}
	return true
}

func (w *walk) clauses(body *ast.BlockStmt) {
	for _, clause := range body.List {
		c := compared{from: clause.Pos(), ran: w.set.Position(body.Lbrace).Line}
		switch clause := clause.(type) {
		case *ast.CaseClause:
			c.to = clause.Colon
		case *ast.CommClause:
			c.to = clause.Colon
		}
		w.cases = append(w.cases, c)
	}
}

var others = map[token.Token][]string{
	token.LSS: {"<="}, token.LEQ: {"<"}, token.GTR: {">="}, token.GEQ: {">"},
	token.EQL: {"!="}, token.NEQ: {"=="},
	token.ADD: {"-"}, token.SUB: {"+"}, token.MUL: {"/"}, token.QUO: {"*"}, token.REM: {"*"},
	token.SHL: {">>"}, token.SHR: {"<<"}, token.AND: {"|"}, token.OR: {"&"}, token.XOR: {"&"},
	token.LAND: {"||"}, token.LOR: {"&&"},
}

// binary moves a boundary, turns a comparison or an operation round, and leaves out either side of a condition. The
// whole expression is replaced, so that a key says which it is.
func (w *walk) binary(n *ast.BinaryExpr) {
	left, right := w.source(n.X), w.source(n.Y)
	between := string(w.text[w.at(n.X.End()):w.at(n.Y.Pos())])
	for _, other := range others[n.Op] {
		w.replace(n, left+strings.Replace(between, n.Op.String(), other, 1)+right)
	}
	if n.Op == token.LAND || n.Op == token.LOR {
		w.replace(n, left)
		w.replace(n, right)
	}
}

// negate turns a condition round, but not where another mutant of it does so.
func (w *walk) negate(cond ast.Expr) {
	switch c := cond.(type) {
	case *ast.UnaryExpr:
		if c.Op == token.NOT {
			return
		}
	case *ast.BinaryExpr:
		switch c.Op {
		case token.EQL, token.NEQ, token.LAND, token.LOR:
			return
		}
	}
	w.replace(cond, "!("+w.source(cond)+")")
}

// number adds and takes one. Modes of files are octal; a bit of them more or less says nothing.
func (w *walk) number(n *ast.BasicLit) {
	if n.Kind != token.INT || strings.HasPrefix(n.Value, "0o") {
		return
	}
	value, err := strconv.ParseInt(n.Value, 0, 64)
	if err != nil {
		return
	}
	w.replace(n, strconv.FormatInt(value+1, 10))
	if value > 0 {
		w.replace(n, strconv.FormatInt(value-1, 10))
	}
}

// unit doubles a duration that has no number.
func (w *walk) unit(n *ast.SelectorExpr) {
	if of, ok := n.X.(*ast.Ident); ok && of.Name == "time" {
		switch n.Sel.Name {
		case "Millisecond", "Second", "Minute", "Hour":
			w.replace(n, "(2 * "+w.source(n)+")")
		}
	}
}

// call goes into a call, but not to the capacity that make is given: it changes no result.
func (w *walk) call(n *ast.CallExpr) bool {
	if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "make" && len(n.Args) == 3 {
		ast.Inspect(n.Args[1], w.visit)
		return false
	}
	return true
}

// results goes into what is returned, but not into true, false and numbers beside an error: no caller looks at them.
func (w *walk) results(n *ast.ReturnStmt) bool {
	if len(n.Results) < 2 || !w.fails(n.Results[len(n.Results)-1]) {
		return true
	}
	for _, result := range n.Results {
		switch result.(type) {
		case *ast.Ident, *ast.BasicLit:
		default:
			ast.Inspect(result, w.visit)
		}
	}
	return false
}

// fails reports an error that is not nil.
func (w *walk) fails(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.CallExpr:
		return w.source(x.Fun) == "fmt.Errorf"
	case *ast.UnaryExpr:
		return x.Op == token.AND && strings.Contains(w.source(x), "Error{")
	case *ast.Ident:
		if x.Name == "err" {
			return slices.ContainsFunc(w.failed, func(body [2]token.Pos) bool { return body[0] < x.Pos() && x.Pos() < body[1] })
		}
		return strings.HasPrefix(x.Name, "Err")
	case *ast.SelectorExpr:
		return strings.HasPrefix(x.Sel.Name, "Err")
	}
	return false
}

// statement leaves a statement out, or goes on where it ends.
func (w *walk) statement(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		if w.logs(s.X) {
			return false
		}
		w.replace(s, "")
	case *ast.AssignStmt:
		if is := w.unused(s); s.Tok != token.DEFINE && is != w.source(s) {
			w.replace(s, is)
		}
	case *ast.IncDecStmt:
		w.replace(s, "")
		other := map[token.Token]string{token.INC: "--", token.DEC: "++"}[s.Tok]
		w.replace(s, w.source(s.X)+other)
	case *ast.SendStmt, *ast.DeferStmt:
		w.replace(s, "")
	case *ast.BranchStmt:
		if s.Label == nil && (s.Tok == token.BREAK || s.Tok == token.CONTINUE) {
			other := map[token.Token]string{token.BREAK: "continue", token.CONTINUE: "break"}[s.Tok]
			w.replace(s, other)
			w.replace(s, "")
		}
	}
	return true
}

// unused stands for an assignment that is left out: what is on its right is used still, so that it compiles.
func (w *walk) unused(s *ast.AssignStmt) string {
	if s.Tok != token.ASSIGN {
		return ""
	}
	for _, right := range s.Rhs {
		if w.source(right) == "nil" {
			return "" // has no type of its own
		}
	}
	blanks := strings.TrimSuffix(strings.Repeat("_, ", len(s.Lhs)), ", ")
	right := string(w.text[w.at(s.Rhs[0].Pos()):w.at(s.Rhs[len(s.Rhs)-1].End())])
	return blanks + " = " + right
}

// logs reports a call that only writes a line of the log: no test claims that each is written.
func (w *walk) logs(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	switch method.Sel.Name {
	case "Debug", "Info", "Warn", "Error", "Log":
		return strings.HasSuffix(strings.ToLower(w.source(method.X)), "log") || w.source(method.X) == "slog"
	}
	return false
}
