package sparkplug

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one of a message, as it stands on the wire.
type field struct {
	number protowire.Number
	is     protowire.Type
	bits   uint64 // of a varint or a fixed one
	bytes  []byte // of one with a length; it aliases the message
}

var errWire = errors.New("no protobuf message")

// fields calls take with each field of a message, in order.
func fields(message []byte, take func(f field) error) error {
	for len(message) > 0 {
		number, is, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("%w: %v", errWire, protowire.ParseError(n))
		}
		message = message[n:]
		f := field{number: number, is: is}
		switch is {
		case protowire.VarintType:
			f.bits, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.bits, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(message)
			f.bits = uint64(bits)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, is, message)
		}
		if n < 0 {
			return fmt.Errorf("%w: field %d: %v", errWire, number, protowire.ParseError(n))
		}
		message = message[n:]
		if err := take(f); err != nil {
			return err
		}
	}
	return nil
}

// want returns an error unless f is of the wire type that the specification gives it.
func (f field) want(is protowire.Type, name string) error {
	if f.is != is {
		return fmt.Errorf("%s: wire type %d, want %d", name, f.is, is)
	}
	return nil
}

func (f field) varint(to *uint64, name string) error {
	*to = f.bits
	return f.want(protowire.VarintType, name)
}

func (f field) flag(to *bool, name string) error {
	*to = f.bits != 0
	return f.want(protowire.VarintType, name)
}

// text reads a text of at most most bytes; what is no UTF-8 in it becomes U+FFFD.
func (f field) text(to *string, name string, most int) error {
	if err := f.want(protowire.BytesType, name); err != nil {
		return err
	}
	if len(f.bytes) > most {
		return fmt.Errorf("%s: %d bytes, more than %d", name, len(f.bytes), most)
	}
	*to = recordable(f.bytes)
	return nil
}

// recordable returns a peer's text as JSON holds it, with U+FFFD for each byte that is not UTF-8.
func recordable(text []byte) string { return string([]rune(string(text))) }

// Decode reads a payload. A metric that cannot be read is there with its error; the payload is refused only if it is no message,
// or is larger than the bounds.
func Decode(raw []byte) (p Payload, err error) {
	if len(raw) > MaxPayload {
		return Payload{}, fmt.Errorf("payload: %d bytes, more than %d", len(raw), MaxPayload)
	}
	err = fields(raw, func(f field) error {
		switch f.number {
		case 1:
			return f.varint(&p.Timestamp, "timestamp")
		case 2:
			if err := f.want(protowire.BytesType, "metric"); err != nil {
				return err
			}
			if len(p.Metrics) == MaxMetrics {
				return fmt.Errorf("more than %d metrics", MaxMetrics)
			}
			p.Metrics = append(p.Metrics, decodeMetric(f.bytes))
		case 3:
			p.HasSeq = true
			return f.varint(&p.Seq, "seq")
		case 4:
			return f.text(&p.UUID, "uuid", maxUUID)
		case 5:
			p.Body = bytes.Clone(f.bytes)
			return f.want(protowire.BytesType, "body")
		}
		return nil
	})
	if err != nil {
		return Payload{}, fmt.Errorf("payload: %w", err)
	}
	return p, nil
}

func decodeMetric(raw []byte) (m Metric) {
	m.Raw = bytes.Clone(raw)
	m.Err = fields(raw, m.take)
	return m
}

// take reads one field of a metric.
func (m *Metric) take(f field) error {
	switch f.number {
	case 1:
		return f.text(&m.Name, "name", MaxName)
	case 2:
		m.HasAlias = true
		return f.varint(&m.Alias, "alias")
	case 3:
		return f.varint(&m.Timestamp, "timestamp")
	case 4:
		return f.dataType(&m.Type)
	case 5:
		return f.flag(&m.Historical, "is_historical")
	case 6:
		return f.flag(&m.Transient, "is_transient")
	case 7:
		return f.flag(&m.Null, "is_null")
	case 9:
		return m.properties(f)
	}
	if kind, is := metricValues[f.number]; is {
		return m.Value.take(f, kind)
	}
	return nil
}

// dataType reads a type; one that is not known stays its number, so that it can be named.
func (f field) dataType(to *Type) error {
	if f.bits > 1<<16 {
		return fmt.Errorf("datatype: %d is none", f.bits)
	}
	*to = Type(f.bits)
	return f.want(protowire.VarintType, "datatype")
}

// properties reads a set of properties. Sets within it are passed over: nothing asks for them.
func (m *Metric) properties(f field) error {
	if err := f.want(protowire.BytesType, "properties"); err != nil {
		return err
	}
	var keys []string
	var values []Property
	err := fields(f.bytes, func(f field) error {
		if len(keys) > MaxProperties || len(values) > MaxProperties {
			return fmt.Errorf("more than %d", MaxProperties)
		}
		switch f.number {
		case 1:
			var key string
			err := f.text(&key, "key", MaxName)
			keys = append(keys, key)
			return err
		case 2:
			if err := f.want(protowire.BytesType, "value"); err != nil {
				return err
			}
			var p Property
			err := fields(f.bytes, p.take)
			values = append(values, p)
			return err
		}
		return nil
	})
	if err == nil && len(keys) != len(values) {
		err = fmt.Errorf("%d keys and %d values", len(keys), len(values))
	}
	if err != nil {
		return fmt.Errorf("properties: %w", err)
	}
	for i := range values {
		values[i].Key = keys[i]
	}
	m.Properties = values
	return nil
}

func (p *Property) take(f field) error {
	switch f.number {
	case 1:
		return f.dataType(&p.Type)
	case 2:
		return f.flag(&p.Null, "is_null")
	}
	if kind, is := propertyValues[f.number]; is {
		return p.Value.take(f, kind)
	}
	return nil
}
