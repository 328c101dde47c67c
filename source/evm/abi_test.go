package evm

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestSignaturesAreReadAsPeopleWriteThem(t *testing.T) {
	for signature, want := range map[string]string{
		"latestRoundData()(uint80,int256,uint256,uint256,uint80)":                 "latestRoundData() (uint80,int256,uint256,uint256,uint80)",
		"function read() external view returns (int224 value, uint32 timestamp);": "read() (int224,uint32)",
		"balanceOf(address owner)(uint)":                                          "balanceOf(address) (uint256)",
		"get(bytes32,string memory)((uint8 a, (bool,bytes)[] b)[2][] c, address)": "get(bytes32,string) ((uint8,(bool,bytes)[])[2][],address)",
		"a ( int ) ( bytes4 )":     "a(int256) (bytes4)",
		"":                         "! it has no name",
		"read":                     "! inputs: want them in brackets",
		"read()":                   "! outputs: want them in brackets",
		"read()()":                 "! it has no outputs",
		"read()(uint7)":            "! outputs: \"uint7\" is no type",
		"read()(uint08)":           "! outputs: \"uint08\" is no type",
		"read()(uint264)":          "! outputs: \"uint264\" is no type",
		"read()(bytes33)":          "! outputs: \"bytes33\" is no type",
		"read()(bytes0)":           "! outputs: \"bytes0\" is no type",
		"read()(fixed128x18)":      "! outputs: \"fixed128x18\" is no type",
		"read()(uint8 a,uint8 a)":  "! outputs: \"a\" is there twice",
		"read()(uint8[0])":         "! outputs: an array of",
		"read()(uint8[)":           "! outputs: ] is missing",
		"read()(uint8 a b)":        "! outputs: \"b\" stands behind \"a\"",
		"read()(uint8 a) payable":  "! \"payable\" stands behind the outputs",
		"read() payable (uint8 a)": "! \"payable\" stands where the outputs should",
		"read()(())":               "! outputs: a tuple of nothing",
		"read()(" + strings.Repeat("(", 50) + "uint8" + strings.Repeat(")", 50) + ")": "! outputs: more than 6 brackets",
		"read()(uint8" + strings.Repeat("[]", 50) + ")":                               "! outputs: more than 6 brackets",
		"read()(" + strings.TrimSuffix(strings.Repeat("bool,", 65), ",") + ")":        "! outputs: more than 64",
		"read()(uint8" + strings.Repeat(" ", maxSignature) + ")":                      "! 1037 bytes",
	} {
		v, err := parseView(signature)
		got := v.signature() + " " + canonicalOf(v.outputs)
		if err != nil {
			got = "! " + err.Error()
		}
		if got != want && !(strings.HasPrefix(want, "! ") && strings.HasPrefix(got, want)) {
			t.Errorf("%s reads %s, want %s", signature, got, want)
		}
	}
}

// reference returns the types of a list as go-ethereum has them.
func reference(t *testing.T, types ...string) (args abi.Arguments) {
	t.Helper()
	for _, name := range types {
		typ, err := abi.NewType(name, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, abi.Argument{Type: typ})
	}
	return args
}

func TestAnswersAreDecodedAsAnotherLibraryEncodesThem(t *testing.T) {
	big1, _ := new(big.Int).SetString("115792089237316195423570985008687907853269984665640564039457584007913129639935", 10)
	for _, c := range []struct {
		outputs string
		types   []string
		values  []any
		want    string
	}{
		{"(uint256 a,int256 b,uint8 c,int8 d)", []string{"uint256", "int256", "uint8", "int8"}, []any{big1, big.NewInt(-1), uint8(255), int8(-128)}, `{"a":"` + big1.String() + `","b":"-1","c":"255","d":"-128"}`},
		{"(bool,bool,address,bytes4)", []string{"bool", "bool", "address", "bytes4"}, []any{true, false, common.Address{19: 7}, [4]byte{1, 2, 3, 4}}, `{"0":true,"1":false,"2":"0x0000000000000000000000000000000000000007","3":"0x01020304"}`},
		{"(string s,bytes b,string e)", []string{"string", "bytes", "string"}, []any{strings.Repeat("é", 40), []byte{1, 2}, ""}, `{"b":"0x0102","e":"","s":"` + strings.Repeat("é", 40) + `"}`},
		{"(uint16[] a,uint16[2] b,string[] c)", []string{"uint16[]", "uint16[2]", "string[]"}, []any{[]uint16{1, 2, 3}, [2]uint16{4, 5}, []string{"x", "yz"}}, `{"a":["1","2","3"],"b":["4","5"],"c":["x","yz"]}`},
		{"(uint16[2][] a,string[2] b)", []string{"uint16[2][]", "string[2]"}, []any{[][2]uint16{{1, 2}, {3, 4}}, [2]string{"p", "q"}}, `{"a":[["1","2"],["3","4"]],"b":["p","q"]}`},
		{"(uint16[][2] a)", []string{"uint16[][2]"}, []any{[2][]uint16{{1}, {2, 3}}}, `{"a":[["1"],["2","3"]]}`},
	} {
		data, err := reference(t, c.types...).Pack(c.values...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseView("f()" + c.outputs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.decode(data)
		text, _ := json.Marshal(got)
		if err != nil || string(text) != c.want {
			t.Errorf("%s is %s, %v; want %s", c.outputs, text, err, c.want)
		}
		for n := range data { // none of its beginnings is an answer, or read beyond
			if _, err := v.decode(data[:n]); err == nil && n < len(data)-31 {
				t.Errorf("%s: the first %d of %d bytes are taken", c.outputs, n, len(data))
			}
		}
	}
	tupled, err := abi.NewType("tuple[]", "", []abi.ArgumentMarshaling{{Name: "at", Type: "uint32"}, {Name: "said", Type: "string"}})
	if err != nil {
		t.Fatal(err)
	}
	type pair struct {
		At   uint32
		Said string
	}
	data, err := abi.Arguments{{Type: tupled}}.Pack([]pair{{1, "one"}, {2, "two"}})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := parseView("f()((uint32 at,string said)[] list)")
	got, err := v.decode(data)
	if text, _ := json.Marshal(got); err != nil || string(text) != `{"list":[{"at":"1","said":"one"},{"at":"2","said":"two"}]}` {
		t.Errorf("tuples are %s, %v", text, err)
	}
}

func TestArgumentsAreEncodedAsAnotherLibraryDoes(t *testing.T) {
	v, err := parseView("f(uint256,int8,bool,address,bytes4,string,bytes)(bool)")
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.encode([]string{"7", "-2", "true", "0x00000000000000000000000000000000000000Aa", "0x01020304", "a text that is longer than one word of it", "0xff"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := reference(t, "uint256", "int8", "bool", "address", "bytes4", "string", "bytes").Pack(
		big.NewInt(7), int8(-2), true, common.Address{19: 0xaa}, [4]byte{1, 2, 3, 4}, "a text that is longer than one word of it", []byte{0xff})
	if err != nil || !bytes.Equal(got[4:], want) {
		t.Errorf("encoded %x, want %x (%v)", got[4:], want, err)
	}
	if selector, _ := parseView("latestRoundData()(uint80)"); true {
		data, err := selector.encode(nil)
		if hex.EncodeToString(data) != "feaf968c" || err != nil {
			t.Errorf("latestRoundData() is %x, %v; want feaf968c", data, err)
		}
	}
	for args, want := range map[string]string{
		"256": "is no uint8", "-1": "is no uint8", "1.5": "no whole number", "x": "no whole number", "": "no whole number", "0x10": "no whole number",
	} {
		v, _ := parseView("f(uint8 n)(bool)")
		if _, err := v.encode([]string{args}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "n: ") {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	for signature, arg := range map[string]string{
		"f(address)(bool)": "0x01", "f(bytes4)(bool)": "01020304", "f(bool)(bool)": "1", "f(uint8[])(bool)": "1", "f(int8)(bool)": "128",
	} {
		v, _ := parseView(signature)
		if got, err := v.encode([]string{arg}); err == nil {
			t.Errorf("%s of %s is %x, want an error", signature, arg, got)
		}
	}
	if _, err := v.encode(nil); err == nil {
		t.Error("seven inputs and no arguments are taken")
	}
}

func TestOneEncodingOfAValueIsTaken(t *testing.T) {
	w := func(hexes ...string) string {
		var out string
		for _, h := range hexes {
			out += strings.Repeat("0", 64-len(h)) + h
		}
		return out
	}
	for _, c := range []struct{ outputs, data string }{
		{"(bool)", w("2")},
		{"(uint8)", w("100")},
		{"(int8)", w("80")},
		{"(int8)", strings.Repeat("f", 62) + "7f"},
		{"(address)", w("1" + strings.Repeat("0", 40))},
		{"(bytes4)", "0102030405" + strings.Repeat("0", 54)},
		{"(string)", w("20", "ff")},
		{"(string)", w("ffffffffffffffffffffff")},
		{"(string)", strings.Repeat("f", 64)},
		{"(uint8[])", w("20", "ffffffff")},
		{"(uint8[])", w("20", "2710")},
		{"(uint8[][][][])", w("0")},
		{"(uint256)", ""},
	} {
		data, err := hex.DecodeString(c.data)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseView("f()" + c.outputs)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.decode(data); err == nil && c.outputs != "(uint8[][][][])" {
			t.Errorf("%s of %s is %v, want an error", c.outputs, c.data, got)
		}
	}
}

func TestAWholeNumberIsShiftedExactly(t *testing.T) {
	for _, c := range []struct {
		text   string
		places int
		want   string
	}{
		{"6700012345678", 8, "67000.12345678"}, {"5", 8, "0.00000005"}, {"-5", 2, "-0.05"}, {"0", 3, "0.000"}, {"123", 0, "123"}, {"-123", 3, "-0.123"}, {"1234", 3, "1.234"},
	} {
		if got := shifted(c.text, c.places); got != c.want {
			t.Errorf("%s by %d is %s, want %s", c.text, c.places, got, c.want)
		}
	}
}

func TestAnAnswerOfChainlinkIsAboveZero(t *testing.T) {
	for _, c := range []struct {
		answer string
		preset Preset
		any    bool
		want   dodona.Quality
	}{
		{"1", chainlink, false, dodona.Good},
		{"0", chainlink, false, dodona.Bad},
		{"-5", chainlink, false, dodona.Bad},
		{"0", chainlink, true, dodona.Good},
		{"-5", chainlink, true, dodona.Good},
		{"0", api3, false, dodona.Good},
	} {
		asked := contract{settings: Settings{Preset: c.preset, AnyAnswer: c.any}}
		r := dodona.Reading{SourceTime: time.Unix(1, 0)}
		asked.judge(&r, map[string]any{"answer": c.answer, "value": c.answer, "roundId": "1", "answeredInRound": "1"})
		if told := strings.Contains(r.Detail, "the answer is "+c.answer+", and a price is above zero"); r.Quality != c.want || told != (c.want == dodona.Bad) {
			t.Errorf("%s of %s, any_answer %t: %s, %q; want %s", c.answer, c.preset, c.any, r.Quality, r.Detail, c.want)
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"nobody to ask":       {func(s *Settings) { s.RPC = nil }, "rpc: missing"},
		"no URL":              {func(s *Settings) { s.RPC = []string{"wss://rpc.example/1"} }, "rpc[0]: "},
		"no contract":         {func(s *Settings) { s.Contract = [20]byte{} }, "contract: missing"},
		"no call":             {func(s *Settings) { s.Preset = "" }, "call: missing"},
		"no preset":           {func(s *Settings) { s.Preset = "pyth" }, "preset: \"pyth\": want chainlink or api3"},
		"any of another":      {func(s *Settings) { s.Preset, s.AnyAnswer = api3, true }, "any_answer: it is of preset: chainlink"},
		"two calls":           {func(s *Settings) { s.Call = "read()(uint8)" }, "call: preset says it"},
		"no block":            {func(s *Settings) { s.Block = "pending" }, "block: \"pending\": want latest, safe or finalized"},
		"no signature":        {func(s *Settings) { s.Preset, s.Call = "", "read" }, "call: inputs: "},
		"arguments too many":  {func(s *Settings) { s.Preset, s.Call, s.Args = "", "read()(uint8)", []string{"1"} }, "args: 1, and read() wants 0"},
		"no time":             {func(s *Settings) { s.Preset, s.Call, s.Time = "", "read()(uint8 a)", "at" }, "time: \"at\": call has no such output"},
		"a time that is none": {func(s *Settings) { s.Preset, s.Call, s.Time = "", "read()(string at)", "at" }, "time: \"at\": call has no such output"},
	} {
		s := Kind.Settings().(*Settings)
		s.RPC, s.Contract, s.Preset = []string{"https://rpc.example/1"}, [20]byte{1}, chainlink
		if err := Kind.Check(s); err != nil {
			t.Fatal(err)
		}
		c.change(s)
		if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzAnswer: whatever a contract says, it is an error or JSON, and soon.
func FuzzAnswer(f *testing.F) {
	f.Add("f()(uint80 a,string b,(bool,bytes)[] c)", bytes.Repeat([]byte{0, 32}, 64))
	f.Add("f()(uint8[][][] a)", make([]byte, 320))
	f.Add(callOf[chainlink], make([]byte, 160))
	f.Add("g(address)(bytes32[4][],int)", []byte{1})
	fuzztest.Run(f, func(t *testing.T, signature string, data []byte) {
		v, err := parseView(signature)
		if err != nil {
			return
		}
		again, err := parseView(v.signature() + canonicalOf(v.outputs))
		if err != nil || again.signature() != v.signature() || canonicalOf(again.outputs) != canonicalOf(v.outputs) {
			t.Errorf("%q is %s, which reads %s, %v", signature, v.signature(), again.signature(), err)
		}
		if got, err := v.decode(data); err == nil {
			if _, err := json.Marshal(got); err != nil {
				t.Errorf("%v: %v", got, err)
			}
		}
	})
}
