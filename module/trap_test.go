package module

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// TestWazeroSaysWhatATrapWas provokes each trap that a module can, as this package tells traps by the engine's sentences.
func TestWazeroSaysWhatATrapWas(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`tetratelabs/wazero (\S+)`).FindSubmatch(mod)
	if version == nil {
		t.Fatal("go.mod requires no wazero")
	}
	for name, c := range map[string]struct {
		code []byte // of the function run, which returns an i32
		want string
	}{
		"unreachable":     {[]byte{0x00}, "unreachable"},
		"division":        {[]byte{0x41, 1, 0x41, 0, 0x6d}, "integer divide by zero"},
		"quotient":        {[]byte{0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x41, 0x7f, 0x6d}, "integer overflow"},
		"conversion":      {[]byte{0x43, 0, 0, 0xc0, 0x7f, 0xa8}, "invalid conversion to integer"},
		"conversion far":  {[]byte{0x43, 0, 0, 0x80, 0x7f, 0xa8}, "integer overflow"},
		"memory":          {[]byte{0x41, 0x7f, 0x28, 2, 0}, "out of bounds memory access"},
		"table":           {[]byte{0x41, 1, 0x11, 0, 0}, "invalid table access"},
		"beyond a table":  {[]byte{0x41, 9, 0x11, 0, 0}, "invalid table access"},
		"type in a table": {[]byte{0x41, 0, 0x11, 0, 0}, "indirect call type mismatch"},
		"stack":           {[]byte{0x10, 0}, trapStack},
	} {
		body := append(append([]byte{0}, c.code...), 0x0b)
		code := append([]byte{}, emptyModule...)
		for _, s := range [][]byte{
			section(1, []byte{2, 0x60, 0, 1, 0x7f, 0x60, 0, 0}), // () → i32, and ()
			section(3, []byte{2, 0, 1}),
			section(4, []byte{1, 0x70, 0, 2}), // of two elements, the second of which is none
			section(5, []byte{1, 1, 1, 1}),
			section(7, []byte{1, 3}, []byte("run"), []byte{0, 0}),
			section(9, []byte{1, 0, 0x41, 0, 0x0b, 1, 1}),
			section(10, []byte{2}, uleb(len(body)), body, []byte{2, 0, 0x0b}),
		} {
			code = append(code, s...)
		}
		for engine, config := range map[string]wazero.RuntimeConfig{"compiler": runtimeConfig(false), "interpreter": runtimeConfig(true)} {
			said := trapOf(t, config, code)
			if engine == "compiler" && c.want == trapStack && said.Error() == trapStack {
				continue
			}
			text, trace := parted(said)
			if text != trapPrefix+c.want || !strings.HasPrefix(trace, "\t.run() i32") && !strings.HasPrefix(trace, "\t.$0() i32") {
				t.Errorf("%s, %s: wazero %s says %q, want %q and then the trace: correct trap.go", name, engine, version[1], said, trapPrefix+c.want+trapTrace)
			}
		}
	}
}

// trapOf returns what the engine says of the call of run.
func trapOf(t *testing.T, config wazero.RuntimeConfig, code []byte) error {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	defer func() { _ = rt.Close(ctx) }()
	m, err := rt.Instantiate(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = m.ExportedFunction("run").Call(ctx); err == nil {
		t.Fatal("it does not trap")
	}
	return err
}
