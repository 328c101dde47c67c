package tags_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/tags"
)

type register struct {
	At    uint16            `yaml:"at"`
	Type  string            `yaml:"type,omitempty"`
	Scale dodona.Decimal    `yaml:"scale,omitempty"`
	Unit  string            `yaml:"unit,omitempty"`
	Enum  map[string]string `yaml:"enum,omitempty"`
}

type settings struct {
	Registers tags.Map[register] `yaml:"registers"`
}

// decode reads settings whose registers stand in a file with the given text.
func decode(t *testing.T, csv string) (s settings, err error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tags.csv", []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, strict.Decode(strings.NewReader("registers: {file: tags.csv}\n"), "gateway.yaml", &s)
}

func TestPointsStandInTheConfigurationOrInAFile(t *testing.T) {
	var typed settings
	if err := strict.Decode(strings.NewReader(`
registers:
  temperature: {at: 100, type: int16, scale: 0.1, unit: Cel}
  file: {at: 7}
  valve: {at: 3, enum: {off: "0", on: "1"}}
`), "gateway.yaml", &typed); err != nil {
		t.Fatal(err)
	}
	for name, csv := range map[string]string{
		"commas":                           "name,at,type,scale,unit,enum\ntemperature,100,int16,0.1,Cel,\nfile,7,,,,\nvalve,3,,,,\"{off: 0, on: 1}\"\n",
		"semicolons, blanks, comments":     "# of line 3\n\nname; at; type; scale; unit; enum\ntemperature; 100; int16; 0.1; Cel\n# the old one: 9\nfile;7\n\nvalve;3;;;;{off: 0, on: 1}",
		"tabs, a mark and other line ends": "\ufeffname\tat\ttype\tscale\tunit\tenum\r\ntemperature\t100\tint16\t0.1\tCel\r\nfile\t7\r\nvalve\t3\t\t\t\t{off: 0, on: 1}\r\n",
		"a note for people":                "name,Note,at,type,scale,unit,enum\ntemperature,of the boiler,100,int16,0.1,Cel,\nfile,,7,,,,\nvalve,,3,,,,\"{off: 0, on: 1}\"\n",
		"columns in another order":         "unit,name,enum,scale,at,type\nCel,temperature,,0.1,100,int16\n,file,,,7,\n,valve,\"{\"\"off\"\": 0, on: 1}\",,3,\n",
	} {
		read, err := decode(t, csv)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(read, typed) {
			t.Errorf("%s: got %v, want %v", name, read, typed)
		}
	}
}

func TestMistakesInAFileAreToldWhereTheyStand(t *testing.T) {
	for csv, want := range map[string][]string{
		"name,at,scal\na,1,2\n":                {"tags.csv:1:9: unknown key \"scal\"", "did you mean \"scale\"?"},
		"name,at\na,1\nb,x\n":                  {"tags.csv:3:3: registers.b.at: want a whole number from 0 to 65535, got \"x\"", "    3 | b,x\n      |   ^"},
		"name,at,scale\na,1,2\nb,70000,1..2\n": {"tags.csv:3:3:", "tags.csv:3:9:", "2 mistakes"},
		"name,at\na,1\nb,2\na,3\n":             {"tags.csv:4:1: point \"a\" stands twice, first on line 2"},
		"at,unit\n1,Cel\n":                     {"tags.csv:1:1: no column is called name"},
		"name,at,at\na,1,2\n":                  {"tags.csv:1:9: column \"at\" stands twice"},
		"name,at\n,1\n":                        {"tags.csv:2:1: a point without a name"},
		"name,at\na,1,2\n":                     {"tags.csv:2:5: 3 cells, and 2 columns have a name"},
		"name,at\na,\"1\nb,2\n":                {"tags.csv:2:1:", "no line of comma-separated values"},
		"name,at\n":                            {"tags.csv: no point stands below the names of the columns"},
		"":                                     {"tags.csv: the file is empty", "name,at,type,scale,unit,enum"},
		"name,at\nK\xfcche,1\n":                {"tags.csv:2:2: not UTF-8 text"},
		"name,enum\na,on\n":                    {"tags.csv:2:3: registers.a.enum: want a map, got a single value"},
	} {
		_, err := decode(t, csv)
		var mistakes *strict.MistakesError
		if !errors.As(err, &mistakes) {
			t.Errorf("%q: got %v, want mistakes", csv, err)
			continue
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q: got\n%v\nwant %q", csv, err, text)
			}
		}
	}
}

func TestAFileThatCannotBeReadIsToldInTheConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	large := filepath.Join(t.TempDir(), "large.csv")
	if err := os.WriteFile(large, make([]byte, 4<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for yaml, want := range map[string]string{
		"registers: {file: none.csv}":             "gateway.yaml:1:19: registers.file: open none.csv: no such file",
		"registers: {file: .}":                    "registers.file: . is no file",
		"registers: {file: " + large + "}":        "is larger than 4 MiB",
		"registers: {file: none.csv, a: {at: 1}}": "registers: \"a\" stands beside the file that has the points",
	} {
		var s settings
		err := strict.Decode(strings.NewReader(yaml), "gateway.yaml", &s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", yaml, err, want)
		}
	}
}

func TestSoManyPointsAreTooMany(t *testing.T) {
	csv := "name,at\n" + strings.Repeat("x,1\n", 3)
	if _, err := decode(t, csv); err == nil || !strings.Contains(err.Error(), "2 mistakes") {
		t.Errorf("three of one name: %v", err)
	}
	var b strings.Builder
	b.WriteString("name,at\n")
	for i := range 10_001 {
		fmt.Fprintf(&b, "p%d,1\n", i)
	}
	if _, err := decode(t, b.String()); err == nil || !strings.Contains(err.Error(), "tags.csv:10002:1: more than 10000 points") {
		t.Errorf("got %v", err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("name,at,type,scale,unit,enum\ntemperature,100,int16,0.1,Cel,\"{off: 0}\"\n")
	f.Add("name;at\n\"a\";\"1\n2\";\n")
	path := filepath.Join(f.TempDir(), "tags.csv")
	fuzztest.Run(f, func(t *testing.T, csv string) {
		if err := os.WriteFile(path, []byte(csv), 0o600); err != nil {
			t.Fatal(err)
		}
		var s settings
		err := strict.Decode(strings.NewReader("registers: {file: "+path+"}\n"), "gateway.yaml", &s)
		var mistakes *strict.MistakesError
		if err != nil && !errors.As(err, &mistakes) {
			t.Errorf("%q: %v", csv, err)
		}
		if err != nil {
			_ = err.Error()
		}
	})
}
