// Package sparkplug reads and writes the payloads of Sparkplug B (version 3.0.0 of its specification), whose messages are protobuf's
// on the wire. The numbers of fields and types are those of the specification; nothing is generated.
//
// What a peer sends is bounded before anything is kept of it, and one metric that cannot be read hides no other.
package sparkplug

import "fmt"

// A Payload is the body of one message of Sparkplug.
type Payload struct {
	Timestamp uint64 // when it was sent, in milliseconds since 1970; 0 if it does not say
	Seq       uint64 // 0 to 255, the number of the message among those of its edge node
	HasSeq    bool   // deaths and commands have none
	UUID      string
	Metrics   []Metric
	Body      []byte
}

// A Metric is one value of a payload.
type Metric struct {
	Name       string // empty where an alias stands for it
	Alias      uint64
	HasAlias   bool
	Timestamp  uint64 // when it was measured, in milliseconds since 1970; 0 if it does not say
	Type       Type   // Unknown where only the birth says it
	Historical bool   // it is not the value now
	Transient  bool   // it need not be kept
	Null       bool   // there is no value
	Properties []Property
	Value      Value

	Raw []byte // as it came; [Payload.Append] writes the fields above, and not this
	Err error  // why it could not be read; then only what came before the fault is known
}

// A Property says something beside the value of a metric, such as its unit.
type Property struct {
	Key   string
	Type  Type
	Null  bool
	Value Value
}

// Keys of properties that have a meaning.
const (
	Quality = "Quality" // of the specification: [QualityGood] and its kin
	EngUnit = "engUnit" // of common use: the unit
)

// What the property Quality says.
const (
	QualityBad   = 0
	QualityGood  = 192
	QualityStale = 500
)

// Names of metrics that have a meaning.
const (
	BdSeq   = "bdSeq"                // which birth and death belong together
	Rebirth = "Node Control/Rebirth" // the command that asks an edge node for its births
)

// Property returns a property of the metric.
func (m *Metric) Property(key string) (p Property, found bool) {
	for _, p := range m.Properties {
		if p.Key == key {
			return p, true
		}
	}
	return Property{}, false
}

// Bounds of what is read.
const (
	MaxPayload    = 1 << 20 // bytes
	MaxMetrics    = 10_000  // of one payload
	MaxName       = 1024    // bytes of a metric's name, and of a property's key
	MaxProperties = 64      // of one metric
	maxUUID       = 64      // bytes
)

// A Type is a data type of the specification.
type Type uint32

// The types.
const (
	Unknown Type = iota
	Int8
	Int16
	Int32
	Int64
	UInt8
	UInt16
	UInt32
	UInt64
	Float
	Double
	Boolean
	String
	DateTime
	Text
	UUID
	DataSet
	Bytes
	File
	Template
	PropertySet
	PropertySetList
	Int8Array
	Int16Array
	Int32Array
	Int64Array
	UInt8Array
	UInt16Array
	UInt32Array
	UInt64Array
	FloatArray
	DoubleArray
	BooleanArray
	StringArray
	DateTimeArray
)

var typeNames = [...]string{
	"Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float", "Double", "Boolean", "String", "DateTime",
	"Text", "UUID", "DataSet", "Bytes", "File", "Template", "PropertySet", "PropertySetList", "Int8Array", "Int16Array", "Int32Array", "Int64Array",
	"UInt8Array", "UInt16Array", "UInt32Array", "UInt64Array", "FloatArray", "DoubleArray", "BooleanArray", "StringArray", "DateTimeArray",
}

// String returns the type as the specification calls it.
func (t Type) String() string {
	if int64(t) < int64(len(typeNames)) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}
