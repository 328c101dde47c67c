package opcua

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/registers"
)

// A Node says which node a point is, and what its value means.
type Node struct {
	// ID of the node: ns=2;s=Boiler.T, or nsu=http://plant.example/;s=Boiler.T, which holds when the server numbers its namespaces
	// anew; s=, i=, g= and b= are its four forms. Default: none; id or path is required.
	ID string `yaml:"id,omitempty" json:"id,omitempty"`
	// Path of browse names from Objects on, such as Plant/Boiler/Temperature. Each part may be a pattern (* and ?): each variable that is found is an item
	// of its own, called by its path, and the point is made of all. Default: none.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Index of the element of an array, from 0; of one with several dimensions one for each, such as 1,2. Default: none, the value is no array.
	Index string `yaml:"index,omitempty" json:"index,omitempty"`
	// Field of a structure by its name, and of a structure in it, such as Low or Range.Low. The structures of OPC UA itself are known; of
	// those of a device each member is a node of its own as a rule. Default: none, the value is no structure.
	Field string `yaml:"field,omitempty" json:"field,omitempty"`
	// Type says how the bytes of a ByteString are a number, such as uint16. All other types say it themselves. Default: none.
	Type registers.Type `yaml:"type,omitempty" json:"type,omitempty"`
	// Order of the bytes of a ByteString, as in the kind modbus: ABCD (the highest first), DCBA, BADC or CDAB. Default: ABCD.
	Order registers.Order `yaml:"order,omitempty" json:"order,omitempty"`
	// Bits of an integer that are the value, counted from 0, the lowest: one, such as 3, or several, such as 4-7. Default: all.
	Bits registers.Bits `yaml:"bits,omitempty" json:"bits,omitzero"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty" json:"scale,omitzero"`
	// Offset is what is added after scaling, in the unit of the point, such as -273.15. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty" json:"offset,omitzero"`
	// Enum is a table from the value as a text (a number before scaling, or a String) to an integer, such as {Stopped: 0, Running: 1}. A
	// value that is not in the table is bad. Default: none.
	Enum map[string]int64 `yaml:"enum,omitempty" json:"enum,omitempty"`
	// Missing are the values, before scaling, by which the device says that it has none, such as [-9999]; the point is bad then. Default: none.
	Missing []dodona.Decimal `yaml:"missing,omitempty" json:"missing,omitempty"`
	// Unit of the point after scale and offset: a UCUM code such as Cel, or an ISO 4217 one. Default: none.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
	// Time of the point: received, when its reading arrived, which is when the server said that the value stands; source, when the device says that it measured
	// it, which may be long ago for a value that does not change; or server, when the server says that it knew it. Default: received.
	Time TimeOf `yaml:"time,omitempty" json:"time,omitempty"`
	// Deadband is what a subscription's value must change by to be told: an amount before scaling, such as 0.5, or a part of the range
	// that the node says it has, such as 2%. Each change is told without one. Default: none.
	Deadband Deadband `yaml:"deadband,omitempty" json:"-"`
}

// TimeOf is what the time of a point is.
type TimeOf string

// What the time of a point is.
const (
	timeReceived TimeOf = "received"
	timeSource   TimeOf = "source"
	timeServer   TimeOf = "server"
)

// Words returns what the time of a point can be.
func (TimeOf) Words() []string {
	return []string{string(timeReceived), string(timeSource), string(timeServer)}
}

// Shorthand names the setting that a single word stands for.
func (Node) Shorthand() string { return "id" }

// A Deadband is an amount, or a part of a range.
type Deadband struct {
	amount  dodona.Decimal
	percent bool
}

// IsZero reports whether there is none.
func (d Deadband) IsZero() bool { return d.amount.Sign() == 0 }

// MarshalText writes what UnmarshalText reads.
func (d Deadband) MarshalText() ([]byte, error) {
	text := d.amount.String()
	if d.percent {
		text += "%"
	}
	return []byte(text), nil
}

// UnmarshalText reads 0.5 or 2%.
func (d *Deadband) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	amount, err := dodona.ParseDecimal(strings.TrimSpace(number))
	if err != nil || amount.Sign() < 0 {
		return fmt.Errorf("%q: want an amount such as 0.5, or a part of the node's range such as 2%%", text)
	}
	if hundred := dodona.NewInt192(100).Decimal(0); percent && amount.Cmp(hundred) > 0 {
		return fmt.Errorf("%q: want at most 100%%", text)
	}
	d.amount, d.percent = amount, percent
	return nil
}

const (
	mostDimensions = 8
	mostFields     = 8
	mostUnit       = 64
)

// check says what is wrong with a node; the text begins with the name of its setting.
func (n Node) check() error {
	switch {
	case n.ID == "" && n.Path == "":
		return errors.New(`id: missing, want such as "ns=2;s=Boiler.T", or path: such as Plant/Boiler/Temperature`)
	case n.ID != "" && n.Path != "":
		return errors.New("path: id is given too; a node has one of them")
	case n.ID != "":
		if _, err := parseNodeName(n.ID); err != nil {
			return fmt.Errorf("id: %w", err)
		}
	default:
		if err := checkPath(n.Path); err != nil {
			return fmt.Errorf("path: %w", err)
		}
	}
	if _, err := n.indices(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if n.Field != "" && (slices.Contains(strings.Split(n.Field, "."), "") || strings.Count(n.Field, ".") >= mostFields) {
		return fmt.Errorf("field: %q: want a name such as Low, or names such as Range.Low", n.Field)
	}
	if n.Time != "" && !slices.Contains(n.Time.Words(), string(n.Time)) {
		return fmt.Errorf("time: %q: want received, source or server", n.Time)
	}
	return n.checkMeaning()
}

func (n Node) checkMeaning() error {
	switch {
	case n.Type == "" && n.Order != "":
		return errors.New("order: only the bytes of a ByteString have one; set type too")
	case n.Type != "":
		f := n.format()
		f.Length = min(lengthOf(n.Type), 1)
		if err := f.Check(); err != nil {
			return err
		}
	case len(n.Enum) > 0 && (n.Scale.Sign() != 0 || n.Offset.Sign() != 0):
		return errors.New("enum: goes with neither scale nor offset: write the final integers into the table")
	}
	if !plain.Is(n.Unit) || len(n.Unit) > mostUnit {
		return fmt.Errorf("unit: %s: want a UCUM code such as Cel", plain.Quote(n.Unit, mostUnit))
	}
	return nil
}

// lengthOf returns 1 for a type whose length is that of what came.
func lengthOf(t registers.Type) int {
	if strings.HasPrefix(string(t), "string") {
		return 1
	}
	return 0
}

// format returns how bytes of the rule's type are a number.
func (n Node) format() registers.Format {
	return registers.Format{
		Type: n.Type, Order: n.Order, Bits: n.Bits, Scale: n.Scale, Offset: n.Offset, Enum: n.Enum, Missing: n.Missing,
	}
}

// indices returns the place in an array; nil if the value is none.
func (n Node) indices() ([]int, error) {
	if n.Index == "" {
		return nil, nil
	}
	var list []int
	for part := range strings.SplitSeq(n.Index, ",") {
		i, err := strconv.ParseUint(strings.TrimSpace(part), 10, 31)
		if err != nil || len(list) == mostDimensions {
			return nil, fmt.Errorf("%q: want the number of an element from 0, or one for each dimension such as 1,2", n.Index)
		}
		list = append(list, int(i))
	}
	return list, nil
}

// rules returns what readings mean, by point.
func (s Settings) rules() map[string]Node {
	rules := make(map[string]Node, len(s.Nodes))
	for name, n := range s.Nodes {
		if name, err := parseNodeName(n.ID); err == nil {
			n.ID = name.String()
		}
		if list, err := n.indices(); err == nil && len(list) > 0 {
			n.Index = strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
		}
		if n.Time == timeReceived {
			n.Time = ""
		}
		f := n.format()
		f.Type, f.Order = "", "" // only the meaning that all types have
		f = f.Normal()
		n.Scale, n.Enum, n.Missing = f.Scale, f.Enum, f.Missing
		rules[name] = n
	}
	return rules
}

// item returns what the readings of a node are called, for one that is named by its id.
func (n Node) item() string {
	if name, err := parseNodeName(n.ID); err == nil {
		return name.String()
	}
	return n.ID
}

// matches reports whether a browse path matches a pattern, part by part.
func matches(pattern, item string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(item, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if !matchesName(want[i], have[i]) {
			return false
		}
	}
	return true
}

func matchesName(pattern, name string) bool {
	matched, err := path.Match(pattern, name)
	return err == nil && matched
}

func checkPath(p string) error {
	for part := range strings.SplitSeq(p, "/") {
		if _, err := path.Match(part, ""); err != nil || part == "" {
			return fmt.Errorf("%q: want names with a / between them, such as Plant/Tank*/Level", p)
		}
	}
	return nil
}

// A nodeName is a node id as a configuration has it: with the number of a namespace, or with its URI.
type nodeName struct {
	namespace uint16
	uri       string // empty: namespace says which
	kind      byte   // i, s, g or b
	id        string
}

const mostID = 4096 // characters (Part 3, 8.2.4)

func parseNodeName(text string) (n nodeName, err error) {
	rest := text
	if after, found := strings.CutPrefix(rest, "nsu="); found {
		uri, after, found := strings.Cut(after, ";")
		if !found || uri == "" {
			return n, badName(text)
		}
		n.uri, rest = uri, after
	} else if after, found := strings.CutPrefix(rest, "ns="); found {
		number, after, found := strings.Cut(after, ";")
		i, err := strconv.ParseUint(number, 10, 16)
		if !found || err != nil {
			return n, badName(text)
		}
		n.namespace, rest = uint16(i), after
	}
	kind, id, found := strings.Cut(rest, "=")
	if !found || len(kind) != 1 || id == "" || len(id) > mostID || !plain.Is(id) {
		return n, badName(text)
	}
	n.kind, n.id = kind[0], id
	switch n.kind {
	case 's':
	case 'i':
		i, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return n, badName(text)
		}
		n.id = strconv.FormatUint(i, 10)
	case 'g':
		raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil || len(raw) != 16 {
			return n, badName(text)
		}
		h := hex.EncodeToString(raw)
		n.id = strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	case 'b':
		if _, err := base64.StdEncoding.DecodeString(id); err != nil {
			return n, badName(text)
		}
	default:
		return n, badName(text)
	}
	return n, nil
}

func badName(text string) error {
	return fmt.Errorf("%s: want such as ns=2;s=Boiler.T, ns=2;i=1001 or nsu=http://plant.example/;s=Boiler.T", plain.Quote(text, 80))
}

// String returns the id in the one form that all have that mean the same.
func (n nodeName) String() string {
	out := string(n.kind) + "=" + n.id
	switch {
	case n.uri != "":
		return "nsu=" + n.uri + ";" + out
	case n.namespace != 0:
		return fmt.Sprintf("ns=%d;%s", n.namespace, out)
	}
	return out
}

// at returns the id as a server with these namespaces numbers it.
func (n nodeName) at(namespaces []string) (*ua.NodeID, error) {
	number := n.namespace
	if n.uri != "" {
		i := slices.Index(namespaces, n.uri)
		if i < 0 {
			return nil, fmt.Errorf("the server has no namespace %s", plain.Quote(n.uri, 100))
		}
		number = uint16(i)
	}
	switch n.kind {
	case 'i':
		i, _ := strconv.ParseUint(n.id, 10, 32) // as it was parsed
		return ua.NewNumericNodeID(number, uint32(i)), nil
	case 'g':
		return ua.NewGUIDNodeID(number, n.id), nil
	case 'b':
		raw, _ := base64.StdEncoding.DecodeString(n.id) // as it was parsed
		return ua.NewByteStringNodeID(number, raw), nil
	}
	return ua.NewStringNodeID(number, n.id), nil
}
