package sparkplug

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Append appends p as it stands on the wire. What was passed over when it was read is not written.
func (p *Payload) Append(b []byte) []byte {
	if p.Timestamp != 0 {
		b = appendVarint(b, 1, p.Timestamp)
	}
	for i := range p.Metrics {
		b = appendBytes(b, 2, p.Metrics[i].append(nil))
	}
	if p.HasSeq {
		b = appendVarint(b, 3, p.Seq)
	}
	if p.UUID != "" {
		b = appendBytes(b, 4, []byte(p.UUID))
	}
	if p.Body != nil {
		b = appendBytes(b, 5, p.Body)
	}
	return b
}

func (m *Metric) append(b []byte) []byte {
	if m.Name != "" {
		b = appendBytes(b, 1, []byte(m.Name))
	}
	if m.HasAlias {
		b = appendVarint(b, 2, m.Alias)
	}
	if m.Timestamp != 0 {
		b = appendVarint(b, 3, m.Timestamp)
	}
	if m.Type != Unknown {
		b = appendVarint(b, 4, uint64(m.Type))
	}
	for n, is := range []bool{m.Historical, m.Transient, m.Null} {
		if is {
			b = appendVarint(b, protowire.Number(5+n), 1)
		}
	}
	if len(m.Properties) > 0 {
		b = appendBytes(b, 9, appendProperties(nil, m.Properties))
	}
	return m.Value.append(b, 0)
}

func appendProperties(b []byte, properties []Property) []byte {
	for _, p := range properties {
		b = appendBytes(b, 1, []byte(p.Key))
	}
	for _, p := range properties {
		var value []byte
		if p.Type != Unknown {
			value = appendVarint(value, 1, uint64(p.Type))
		}
		if p.Null {
			value = appendVarint(value, 2, 1)
		}
		b = appendBytes(b, 2, p.Value.append(value, -7))
	}
	return b
}

// append writes the value in the field of a metric; those of a property are less by seven.
func (v Value) append(b []byte, shift protowire.Number) []byte {
	switch v.Kind {
	case InInt:
		return appendVarint(b, 10+shift, v.Bits)
	case InLong:
		return appendVarint(b, 11+shift, v.Bits)
	case InFloat:
		return protowire.AppendFixed32(protowire.AppendTag(b, 12+shift, protowire.Fixed32Type), uint32(v.Bits))
	case InDouble:
		return protowire.AppendFixed64(protowire.AppendTag(b, 13+shift, protowire.Fixed64Type), v.Bits)
	case InBoolean:
		return appendVarint(b, 14+shift, min(v.Bits, 1))
	case InString:
		return appendBytes(b, 15+shift, []byte(v.Text))
	case InBytes:
		if shift == 0 {
			return appendBytes(b, 16, v.Raw)
		}
	}
	return b
}

func appendVarint(b []byte, number protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), n)
}

func appendBytes(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

// Alone returns a payload that has one metric of p alone, as it came, with what its birth says of it before: its name and its type. Of a
// field that stands twice the last counts, so nothing of the metric is overruled.
func (p *Payload) Alone(m *Metric, name string, of Type) []byte {
	var said []byte
	if name != "" {
		said = appendBytes(said, 1, []byte(name))
	}
	if of != Unknown {
		said = appendVarint(said, 4, uint64(of))
	}
	var b []byte
	if p.Timestamp != 0 {
		b = appendVarint(b, 1, p.Timestamp)
	}
	b = appendBytes(b, 2, append(said, m.Raw...))
	if p.HasSeq {
		b = appendVarint(b, 3, p.Seq)
	}
	return b
}
