package dodona

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// changing are names of libraries by which something at a device is changed: written, called, controlled or set. No source names one.
var changing = map[string][]string{
	"github.com/gopcua/opcua/ua": {
		"WriteRequest", "WriteValue", "CallRequest", "CallMethodRequest", "HistoryUpdateRequest", "AddNodesRequest", "AddReferencesRequest",
		"DeleteNodesRequest", "DeleteReferencesRequest", "SetTriggeringRequest", "TransferSubscriptionsRequest",
	},
	"net/http":                 {"MethodPut", "MethodPatch", "MethodDelete"},
	"github.com/gosnmp/gosnmp": {"SetRequest"},
	"github.com/plgd-dev/go-coap/v3/message/codes": {"POST", "PUT", "DELETE"},
	"github.com/vapourismo/knx-go/knx/cemi":        {"GroupValueWrite", "GroupValueResponse", "IndividualAddrWrite", "MemoryWrite", "Restart", "Escape"},
}

// broadcasting are the methods of internal/ethrpc by which a transaction leaves. They are known by their names alone, for the file that calls a
// client's method need not import its package.
var broadcasting = []string{"SendTransaction", "SendThrough", "SendToAnother"}

// speaking are the methods by which bytes leave or a statement that returns no rows runs, and speakingTo the functions that hand bytes to their
// first argument, by the package.
var (
	speaking = []string{
		"Write", "WriteTo", "WriteToUDP", "WriteToUDPAddrPort", "WriteMsgUDP", "WriteMessage", "Writer", "Publish", "Send",
		"Exec", "ExecContext", "ExecParams", "SendBatch", "CopyFrom",
	}
	speakingTo = map[string][]string{
		"io":                    {"Copy", "CopyN", "CopyBuffer", "WriteString", "MultiWriter"},
		"fmt":                   {"Fprint", "Fprintf", "Fprintln"},
		"bufio":                 {"NewWriter", "NewWriterSize"},
		"encoding/binary":       {"Write"},
		"syscall":               {"Write", "Sendto", "Sendmsg"},
		"golang.org/x/sys/unix": {"Write", "Writev", "Send", "Sendto", "SendmsgN"},
	}
)

// speakers are the functions of sources that hand bytes to a device or its network, and what these ask for. A serial source's configured
// requests, what a WebSocket's configuration subscribes to, and the births that Sparkplug asks for (the node control "Rebirth") are what a device
// may act on; all else asks for what is there.
var speakers = map[string]string{
	"source/coap link.ask":             "GET",
	"source/coap link.send":            "acknowledgements, resets and pings",
	"source/file copyTo":               "nothing: the copy of a file that was read",
	"source/knx bus.request":           "GroupValue_Read",
	"source/knx bus.tunnel":            "a tunnel, and its end",
	"source/knx route.read":            "GroupValue_Read",
	"source/knx tunnel.write":          "GroupValue_Read, acknowledgements and signs of life",
	"source/modbus client.exchange":    "what the functions 1 to 4 read",
	"source/mqtt host.ask":             "births: Node Control/Rebirth of Sparkplug",
	"source/mqtt host.tell":            "nothing: the state of the host, of Sparkplug",
	"source/opcua channel.hello":       "a connection",
	"source/opcua channel.put":         "a request of its service, all of which read",
	"source/s7 client.send":            "a connection, and what function 4 reads",
	"source/serial asker.exchange":     "the configured request",
	"source/snmp listener.acknowledge": "nothing: an answer to an inform",
	"source/snmp listener.hear":        "nothing: an answer that names this engine",
	"source/snmp listener.repeated":    "nothing: an answer to an inform that came again",
	"source/snmp wire.Write":           "GET, GETNEXT and GETBULK",
	"source/sql/mysql conn.limit":      "nothing: how long a statement of this session may take",
	"source/sql/postgres conn.Select":  "a transaction that only reads, and its end",
	"source/sql/postgres conn.rows":    "the configured SELECT, in that transaction",
	"source/websocket session.send":    "what the configuration subscribes to, and signs of life",
}

// TestNoSourceChangesWhatItReads reads the syntax of every file below source: nobody names what changes a device, and who speaks to one is known.
func TestNoSourceChangesWhatItReads(t *testing.T) {
	files, spoken := 0, map[string]bool{}
	err := filepath.WalkDir("source", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || testHelper(filepath.Dir(filepath.Dir(file))) {
			return err
		}
		files++
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, what := range changes(parsed) {
			t.Errorf("%s names %s, which changes a device", file, what)
		}
		for _, who := range speaks(parsed) {
			who = filepath.ToSlash(filepath.Dir(file)) + " " + who
			if spoken[who] = true; speakers[who] == "" {
				t.Errorf("%s hands bytes to somebody: say in speakers what it asks for", who)
			}
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Fatalf("read %d files: %v", files, err)
	}
	for who := range speakers {
		if !spoken[who] {
			t.Errorf("take from speakers %s, who speaks to nobody", who)
		}
	}
}

// changes returns what a file names that changes a device.
func changes(file *ast.File) (found []string) {
	names := importedBy(file)
	ast.Inspect(file, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && strings.Contains(text.Value, "eth_send") {
			found = append(found, text.Value)
		}
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if slices.Contains(broadcasting, selector.Sel.Name) {
			found = append(found, selector.Sel.Name)
		}
		if of, ok := selector.X.(*ast.Ident); ok && slices.Contains(changing[names[of.Name]], selector.Sel.Name) {
			found = append(found, of.Name+"."+selector.Sel.Name)
		}
		return true
	})
	return found
}

// importedBy returns what a file imports, by the names it has for that.
func importedBy(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		name := filepath.Base(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}

// speaks returns the functions of a file that call a method by which bytes leave, of something that is no buffer.
func speaks(file *ast.File) (found []string) {
	names := importedBy(file)
	for _, declared := range file.Decls {
		f, ok := declared.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			to := method.X
			if of, ok := to.(*ast.Ident); ok && slices.Contains(speakingTo[names[of.Name]], method.Sel.Name) {
				to = call.Args[0]
			} else if !slices.Contains(speaking, method.Sel.Name) {
				return true
			}
			if !isBuffer(to, names) {
				found = append(found, nameOf(f))
			}
			return true
		})
	}
	return slices.Compact(found)
}

// isBuffer reports whether what is written to is memory or a file, by what it is called.
func isBuffer(to ast.Expr, imported map[string]string) bool {
	if address, ok := to.(*ast.UnaryExpr); ok {
		to = address.X
	}
	if selector, ok := to.(*ast.SelectorExpr); ok {
		if of, ok := selector.X.(*ast.Ident); ok && imported[of.Name] == "io" && selector.Sel.Name == "Discard" {
			return true
		}
		to = selector.Sel
	} else if name, ok := to.(*ast.Ident); ok && imported[name.Name] == "github.com/dodona-oracle/dodona/internal/durable" {
		return true
	}
	name, ok := to.(*ast.Ident)
	return ok && slices.Contains([]string{"b", "h", "came", "hash", "buffer", "sum"}, name.Name)
}

// nameOf returns what a function is called, with its receiver's type.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "." + f.Name.Name
	}
	return f.Name.Name
}

// TestTheLawOfReadingBites plants what no source may do.
func TestTheLawOfReadingBites(t *testing.T) {
	for _, c := range []struct{ imported, body, want string }{
		{"github.com/gopcua/opcua/ua", "_ = &ua.WriteRequest{}", "ua.WriteRequest"},
		{"github.com/gosnmp/gosnmp", "p.PDUType = gosnmp.SetRequest", "gosnmp.SetRequest"},
		{"github.com/plgd-dev/go-coap/v3/message/codes", "m.Code = codes.PUT", "codes.PUT"},
		{"github.com/vapourismo/knx-go/knx/cemi", "x := cemi.GroupValueWrite", "cemi.GroupValueWrite"},
		{"github.com/gosnmp/gosnmp", "p.PDUType = gosnmp.GetRequest", ""},
		{"net", "c.Write(nil)", "speaks"},
		{"net", "d.conn.WriteTo(nil, a)", "speaks"},
		{"bytes", "b.Write(nil)", ""},
		{"net/http", "_ = http.MethodPut", "http.MethodPut"},
		{"github.com/dodona-oracle/dodona/internal/ethrpc", "d.client.SendThrough(ctx, 0, raw)", "SendThrough"},
		{"context", "d.client.Send(ctx, raw)", "speaks"},
		{"context", `d.client.Call(ctx, nil, "eth_sendRawTransaction")`, `"eth_sendRawTransaction"`},
		{"database/sql", `d.conn.ExecContext(ctx, "DELETE FROM t")`, "speaks"},
		{"fmt", `fmt.Fprintf(d.conn, "W")`, "speaks"},
		{"io", "io.Copy(d.conn, r)", "speaks"},
		{"io", "io.Copy(io.Discard, r)", ""},
		{"bufio", "x := bufio.NewWriter(d.conn)", "speaks"},
		{"encoding/binary", "binary.Write(d.conn, order, x)", "speaks"},
		{"golang.org/x/sys/unix", "unix.Write(d.fd, nil)", "speaks"},
		{"github.com/coder/websocket", "d.websocket.Write(ctx, kind, nil)", "speaks"},
		{"github.com/dodona-oracle/dodona/internal/durable", "durable.Write(path, nil, 0)", ""},
	} {
		parsed, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \""+c.imported+"\"\nfunc (d *device) f() { "+c.body+" }\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(changes(parsed), " ")
		if who := speaks(parsed); len(who) > 0 && who[0] == "device.f" {
			got = "speaks"
		}
		if got != c.want {
			t.Errorf("of %s is told %q, want %q", c.body, got, c.want)
		}
	}
}
