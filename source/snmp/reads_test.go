package snmp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNothingIsEverWritten: no name of the library that changes something on a device is in the code.
func TestNothingIsEverWritten(t *testing.T) {
	forbidden := []string{"Set", "SetRequest", "SendTrap", "SnmpEncodePacket", "SendUDP"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is {
				named++
				if slices.Contains(forbidden, s.Sel.Name) {
					t.Errorf("%s names %s", e.Name(), s.Sel.Name)
				}
			}
			return true
		})
	}
	if named < 100 {
		t.Fatalf("%d names were read", named)
	}
}
