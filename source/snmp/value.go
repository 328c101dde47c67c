package snmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A number says what a varbind is as an exact decimal, or why it is none.
func (v varbind) number() (dodona.Decimal, error) {
	switch v.tag {
	case tagInteger:
		n, err := signed(v.value)
		if err != nil {
			return dodona.Decimal{}, err
		}
		return dodona.NewDecimal(big.NewInt(n), 0)
	case tagCounter32, tagGauge32, tagTimeTicks, tagCounter64, tagUinteger32:
		n, err := v.unsigned()
		if err != nil {
			return dodona.Decimal{}, err
		}
		return dodona.NewDecimal(new(big.Int).SetUint64(n), 0)
	case tagOctets:
		return v.text()
	case tagOpaque:
		return v.float()
	case tagNoSuchObject, tagNoSuchInstance, tagEndOfMibView:
		return dodona.Decimal{}, errors.New(missing[v.tag])
	}
	// Fault (point): a value is of a type that is no number.
	return dodona.Decimal{}, fmt.Errorf("%s is no number", v.typeName())
}

// missing says what is wrong where a device has no value.
var missing = map[byte]string{
	tagNoSuchObject:   "the device knows no such object (noSuchObject): check the OID",
	tagNoSuchInstance: "the device has no such instance (noSuchInstance): check the index behind the OID",
	tagEndOfMibView:   "the device has nothing there (endOfMibView)",
}

func (v varbind) typeName() string {
	if name, known := typeNames[v.tag]; known {
		return name
	}
	return fmt.Sprintf("a value of type 0x%02x", v.tag)
}

// unsigned returns the value of a type that has no sign; one of 32 bits has no more.
func (v varbind) unsigned() (uint64, error) {
	n, err := unsigned(v.value)
	if err != nil {
		return 0, fmt.Errorf("%s of %d bytes", v.typeName(), len(v.value))
	}
	if v.tag != tagCounter64 && n > math.MaxUint32 {
		// Fault (point): a value is larger than its type.
		return 0, fmt.Errorf("%s of more than 32 bits", v.typeName())
	}
	return n, nil
}

// text returns the number that an OCTET STRING writes out, as extensions of net-snmp and sensors do.
func (v varbind) text() (dodona.Decimal, error) {
	text := strings.Trim(string(v.value), " \t\r\n\x00")
	d, err := dodona.ParseDecimal(text)
	switch {
	case errors.Is(err, dodona.ErrRange):
		return d, err
	case err != nil:
		// Fault (point): a text is no number.
		return d, fmt.Errorf("the OCTET STRING %s is no number", plain.Quote(string(v.value), 40))
	}
	return d, nil
}

// float returns the shortest decimal that is the float of net-snmp's Opaque float or double.
func (v varbind) float() (dodona.Decimal, error) {
	var f float64
	var bits int
	switch {
	case len(v.value) == 7 && v.value[0] == 0x9f && v.value[1] == 0x78 && v.value[2] == 4:
		f, bits = float64(math.Float32frombits(binary.BigEndian.Uint32(v.value[3:]))), 32
	case len(v.value) == 11 && v.value[0] == 0x9f && v.value[1] == 0x79 && v.value[2] == 8:
		f, bits = math.Float64frombits(binary.BigEndian.Uint64(v.value[3:])), 64
	default:
		return dodona.Decimal{}, errors.New("the Opaque holds neither a float nor a double")
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dodona.Decimal{}, errors.New("the Opaque holds no finite number")
	}
	return dodona.ParseDecimal(strconv.FormatFloat(f, 'e', -1, bits))
}
