package opcua

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/registers"
)

// points makes points of readings, by rules alone.
type points struct {
	rules map[string]Node
	named map[string][]string // the points of a node that is named by its id, by item, sorted
	paths []string            // the points of paths, sorted
}

func decoder(rules map[string]Node) (dodona.Transform, error) {
	p := points{rules: rules, named: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		rule := rules[name]
		if err := rule.check(); err != nil {
			return nil, fmt.Errorf("nodes.%s.%w", name, err)
		}
		if rule.ID == "" {
			p.paths = append(p.paths, name)
			continue
		}
		p.named[rule.item()] = append(p.named[rule.item()], name)
	}
	return p, nil
}

// Apply returns a point for each reading of each node, in the order of the readings.
func (p points) Apply(_ context.Context, c dodona.Call) (out dodona.Result, err error) {
	for _, r := range c.Readings {
		for _, name := range p.named[r.Item] {
			out.Points = append(out.Points, p.rules[name].point(name, r))
		}
		for _, name := range p.paths {
			if rule := p.rules[name]; matches(rule.Path, r.Item) {
				out.Points = append(out.Points, rule.point(name, r))
			}
		}
	}
	return out, nil
}

// Has reports whether a reading is of a point's node.
func (p points) Has(r dodona.Reading, point string) bool {
	rule, known := p.rules[point]
	if rule.ID == "" {
		return known && matches(rule.Path, r.Item)
	}
	return rule.item() == r.Item
}

// Time returns when a reading says that a point was measured.
func (p points) Time(r dodona.Reading, point string) time.Time {
	r.Received = time.Time{} // which else is the time of what says none
	return p.rules[point].point(point, r).Time
}

// point returns what a reading says of a node.
func (n Node) point(name string, r dodona.Reading) dodona.Point {
	p := dodona.Point{ID: name, Unit: n.Unit, Time: r.Received}
	v, err := parseValue(r.Body)
	if err != nil {
		p.Quality, p.Reason = dodona.Bad, "the reading is no DataValue: "+err.Error()
		return p
	}
	switch {
	case n.Time == timeSource && !v.sourceTime.IsZero():
		p.Time = v.sourceTime
	case n.Time == timeServer && !v.serverTime.IsZero():
		p.Time = v.serverTime
	}
	if p.Quality = qualityOf(v.status); p.Quality != dodona.Good {
		p.Reason = reasonOf(v.status)
	}
	if p.Quality == dodona.Bad {
		return p
	}
	if p.Value, err = n.value(v); err != nil {
		p.Quality, p.Reason, p.Value = dodona.Bad, err.Error(), dodona.Decimal{}
	}
	return p
}

// A value is a DataValue taken apart.
type value struct {
	status     ua.StatusCode
	sourceTime time.Time
	serverTime time.Time
	variant    []byte // without its mask; nil if there is no value
	mask       byte
}

func (v value) kind() ua.TypeID { return ua.TypeID(v.mask & 0x3f) }

// parseValue takes a DataValue apart, which is all that body holds.
func parseValue(body []byte) (v value, err error) {
	c := &cursor{rest: body}
	whole := &cursor{rest: body}
	if whole.dataValue(); whole.err != nil {
		return v, whole.err
	}
	if len(whole.rest) > 0 {
		return v, errors.New("there is more behind it")
	}
	mask := c.u8()
	if mask&ua.DataValueValue != 0 {
		start := c.rest
		c.variant()
		v.mask, v.variant = start[0], start[1:len(start)-len(c.rest)]
	}
	if mask&ua.DataValueStatusCode != 0 {
		v.status = ua.StatusCode(c.u32())
	}
	if mask&ua.DataValueSourceTimestamp != 0 {
		v.sourceTime = c.time()
	}
	if mask&ua.DataValueSourcePicoseconds != 0 {
		c.u16()
	}
	if mask&ua.DataValueServerTimestamp != 0 {
		v.serverTime = c.time()
	}
	return v, c.err
}

// value returns the number that the node has, or why there is none: a reason for a bad point.
func (n Node) value(v value) (none dodona.Decimal, err error) {
	if v.variant == nil || v.kind() == ua.TypeIDNull {
		// Fault (point): a node has no value.
		return none, errors.New("the node has no value")
	}
	at, err := n.indices()
	if err != nil {
		return none, err
	}
	raw, err := v.element(at)
	if err != nil {
		return none, err
	}
	return n.number(v.kind(), raw)
}

// element returns the bytes of the value, or of one of its elements.
func (v value) element(at []int) ([]byte, error) {
	c := &cursor{rest: v.variant}
	switch array := v.mask&ua.VariantArrayValues != 0; {
	case !array && len(at) > 0:
		return nil, errors.New("the value is no array; leave index out")
	case !array:
		return v.variant, nil
	}
	length := c.count(1)
	if len(at) == 0 {
		return nil, fmt.Errorf("the value is an array of %d; set index", length)
	}
	i, err := v.flat(at, length)
	if err != nil {
		return nil, err
	}
	for range i {
		c.builtin(v.kind())
	}
	start := c.rest
	c.builtin(v.kind())
	if c.err != nil {
		return nil, c.err
	}
	return start[:len(start)-len(c.rest)], nil
}

// flat returns the number of an element among all.
func (v value) flat(at []int, length int) (int, error) {
	dimensions := []int{length}
	if v.mask&ua.VariantArrayDimensions != 0 {
		c := &cursor{rest: v.variant}
		for range c.count(1) {
			c.builtin(v.kind())
		}
		dimensions = nil
		for range min(c.count(4), mostDimensions+1) {
			dimensions = append(dimensions, int(int32(c.u32())))
		}
	}
	if len(dimensions) != len(at) {
		return 0, fmt.Errorf("the array has the dimensions %v, and index names %d of them", dimensions, len(at))
	}
	i := 0
	for d, n := range at {
		if n >= dimensions[d] || dimensions[d] > length {
			return 0, fmt.Errorf("the array has the dimensions %v, so there is no element %v", dimensions, at)
		}
		i = i*dimensions[d] + n
	}
	if i >= length {
		// Fault (point): an array is shorter than index says.
		return 0, fmt.Errorf("the array has %d elements, so there is no element %v", length, at)
	}
	return i, nil
}

// wireTypes are the types of OPC UA that are numbers of a machine, lowest byte first.
var wireTypes = map[ua.TypeID]registers.Type{
	ua.TypeIDBoolean: registers.Bool, ua.TypeIDSByte: registers.Int8, ua.TypeIDByte: registers.Uint8,
	ua.TypeIDInt16: registers.Int16, ua.TypeIDUint16: registers.Uint16, ua.TypeIDInt32: registers.Int32, ua.TypeIDUint32: registers.Uint32,
	ua.TypeIDInt64: registers.Int64, ua.TypeIDUint64: registers.Uint64, ua.TypeIDFloat: registers.Float32, ua.TypeIDDouble: registers.Float64,
	ua.TypeIDStatusCode: registers.Uint32,
}

const lowestFirst registers.Order = "DCBA"

// number returns what the bytes of one value are.
func (n Node) number(kind ua.TypeID, raw []byte) (none dodona.Decimal, err error) {
	if n.Field != "" && kind != ua.TypeIDExtensionObject {
		return none, fmt.Errorf("the value is of the type %s and no structure; leave field out", typeName(kind))
	}
	c := &cursor{rest: raw}
	f := n.format()
	f.Type, f.Order = "", ""
	if t, found := wireTypes[kind]; found {
		f.Type, f.Order = t, lowestFirst
		return f.Decode(raw)
	}
	switch kind {
	case ua.TypeIDString, ua.TypeIDXMLElement:
		return spelled(f, c.text())
	case ua.TypeIDLocalizedText:
		return spelled(f, c.localizedText())
	case ua.TypeIDDateTime:
		return n.seconds(f, int64(c.u64()))
	case ua.TypeIDByteString:
		return n.stored(c.bytes())
	case ua.TypeIDExtensionObject:
		return n.field(c.extension())
	case ua.TypeIDVariant:
		inner := value{mask: c.u8()}
		if inner.variant = c.rest; inner.mask&ua.VariantArrayValues != 0 || inner.kind() == ua.TypeIDVariant {
			return none, errors.New("the value is a Variant in a Variant, and no number")
		}
		return n.number(inner.kind(), inner.variant)
	}
	// Fault (point): a value is of a type that is no number.
	return none, fmt.Errorf("the value is of the type %s, which is no number", typeName(kind))
}

func typeName(kind ua.TypeID) string { return strings.TrimPrefix(kind.String(), "TypeID") }

// spelled returns the number that a text is, or stands for in the table.
func spelled(f registers.Format, text string) (dodona.Decimal, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		// Fault (point): a text is empty.
		return dodona.Decimal{}, errors.New("the text is empty")
	}
	if len(text) > registers.MaxLength {
		return dodona.Decimal{}, fmt.Errorf("the text %s is no number", plain.Quote(text, 40))
	}
	f.Type, f.Length = registers.String, len(text)
	return f.Decode([]byte(text))
}

// seconds returns a DateTime as Unix seconds.
func (n Node) seconds(f registers.Format, ticks int64) (none dodona.Decimal, err error) {
	if ticks <= 0 || ticks == math.MaxInt64 {
		// Fault (point): a time is none.
		return none, errors.New("the time is none, which OPC UA writes as year 1601 or 9999")
	}
	d, err := dodona.NewDecimal(new(big.Int).Sub(big.NewInt(ticks), big.NewInt(epoch)), 7)
	if err != nil {
		return none, err
	}
	return spelled(f, d.String())
}

// stored returns what the bytes of a ByteString are.
func (n Node) stored(b []byte) (dodona.Decimal, error) {
	if n.Type == "" {
		return dodona.Decimal{}, fmt.Errorf("the value is a ByteString of %d bytes; set type to say what they are", len(b))
	}
	f := n.format()
	if lengthOf(n.Type) > 0 {
		f.Length = min(len(b), registers.MaxLength)
	}
	return f.Decode(b)
}

// mostStructure bounds what the library's decoder, which knows no bounds of its own, is given of a structure.
const mostStructure = 4 << 10

// field returns a field of a structure that the library knows.
func (n Node) field(id *ua.NodeID, body []byte) (none dodona.Decimal, err error) {
	if n.Field == "" {
		return none, errors.New("the value is a structure; set field")
	}
	if len(body) > mostStructure {
		return none, fmt.Errorf("the structure has %d bytes, at most %d are read", len(body), mostStructure)
	}
	found, err := structure(id, body)
	if err != nil {
		return none, err
	}
	at := reflect.ValueOf(found)
	for name := range strings.SplitSeq(n.Field, ".") {
		for at.Kind() == reflect.Pointer && !at.IsNil() {
			at = at.Elem()
		}
		if at.Kind() != reflect.Struct {
			return none, fmt.Errorf("the structure has no field %s", plain.Quote(n.Field, 60))
		}
		if at = at.FieldByNameFunc(func(own string) bool { return own == name || own == exported(name) }); !at.IsValid() {
			return none, fmt.Errorf("the structure has no field %s", plain.Quote(n.Field, 60))
		}
	}
	kind, raw, err := wire(at.Interface())
	if err != nil {
		return none, fmt.Errorf("field %s: %w", plain.Quote(n.Field, 60), err)
	}
	n.Field = ""
	return n.number(kind, raw)
}

func exported(name string) string {
	letters := []rune(name)
	if len(letters) > 0 {
		letters[0] = unicode.ToUpper(letters[0])
	}
	return string(letters)
}

// structure returns a structure of OPC UA itself. The library panics on some bytes.
func structure(id *ua.NodeID, body []byte) (found any, err error) {
	defer func() {
		if v := recover(); v != nil {
			found, err = nil, fmt.Errorf("the structure cannot be read: %v", v)
		}
	}()
	whole, err := encode(&ua.ExpandedNodeID{NodeID: id}, uint8(ua.ExtensionObjectBinary), body)
	if err != nil {
		return nil, err
	}
	eo := new(ua.ExtensionObject)
	if _, err := eo.Decode(whole); err != nil {
		return nil, fmt.Errorf("the structure cannot be read: %w", err)
	}
	if eo.Value == nil {
		// Fault (point): a structure is of an unknown type.
		return nil, fmt.Errorf("the structure is of the type %s, which this build does not know; its members may be nodes of their own", plain.Line(id.String(), 60))
	}
	return eo.Value, nil
}

// wire returns a value of the library as it came: its type and bytes.
func wire(v any) (kind ua.TypeID, raw []byte, err error) {
	if t := reflect.TypeOf(v); t != nil {
		switch t.Kind() { // enumerations have types of their own
		case reflect.Uint32:
			v = uint32(reflect.ValueOf(v).Uint())
		case reflect.Int32:
			v = int32(reflect.ValueOf(v).Int())
		}
	}
	defer func() {
		if recover() != nil {
			kind, raw, err = 0, nil, errors.New("it is no number")
		}
	}()
	variant, err := ua.NewVariant(v)
	if err != nil {
		return 0, nil, errors.New("it is no number")
	}
	out, err := variant.Encode()
	if err != nil || len(out) == 0 || out[0]&ua.VariantArrayValues != 0 {
		return 0, nil, errors.New("it is no number")
	}
	return ua.TypeID(out[0] & 0x3f), out[1:], nil
}
