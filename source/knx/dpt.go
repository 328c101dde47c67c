package knx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A format is how values of a main type are written.
type format struct {
	bits int // of a small value; 0: bytes
	size int // bytes; 0: any
	take func(b []byte) (dodona.Decimal, error)
}

// formats are those of the main types (KNX System Specifications, 03_07_02 Datapoint Types) that are numbers.
var formats = map[int]format{
	1: {bits: 1, take: whole}, 2: {bits: 2, take: whole}, 3: {bits: 4, take: whole}, 23: {bits: 2, take: whole},
	4: {size: 1, take: text}, 25: {size: 1, take: whole}, 26: {size: 1, take: whole},
	5: {size: 1, take: whole}, 6: {size: 1, take: signed}, 17: {size: 1, take: whole}, 18: {size: 1, take: whole}, 20: {size: 1, take: whole}, 21: {size: 1, take: whole},
	7: {size: 2, take: whole}, 8: {size: 2, take: signed}, 9: {size: 2, take: float16}, 22: {size: 2, take: whole},
	12: {size: 4, take: whole}, 13: {size: 4, take: signed}, 14: {size: 4, take: float32Of}, 27: {size: 4, take: whole},
	10: {size: 3, take: timeOfDay}, 11: {size: 3, take: date}, 19: {size: 8, take: dateTime}, 30: {size: 3, take: whole}, 232: {size: 3, take: whole}, 235: {size: 6, take: tariffEnergy},
	29: {size: 8, take: signed}, 16: {size: 14, take: text}, 24: {take: text}, 28: {take: text},
}

// A sub says what of a type is not the number as it stands: value × times ÷ by.
type sub struct {
	times, by int64
	unit      string
}

// subs are the types whose numbers have another scale, or a unit that is known.
var subs = map[string]sub{
	"5.001": {100, 255, "%"}, "5.003": {360, 255, "deg"}, "5.004": {unit: "%"}, "6.001": {unit: "%"},
	"7.002": {unit: "ms"}, "7.003": {10, 1, "ms"}, "7.004": {100, 1, "ms"}, "7.005": {unit: "s"}, "7.006": {unit: "min"}, "7.007": {unit: "h"}, "7.011": {unit: "mm"}, "7.012": {unit: "mA"}, "7.013": {unit: "lx"}, "7.600": {unit: "K"},
	"8.002": {unit: "ms"}, "8.003": {10, 1, "ms"}, "8.004": {100, 1, "ms"}, "8.005": {unit: "s"}, "8.006": {unit: "min"}, "8.007": {unit: "h"}, "8.010": {1, 100, "%"}, "8.011": {unit: "deg"}, "8.012": {unit: "m"},
	"9.001": {unit: "Cel"}, "9.002": {unit: "K"}, "9.003": {unit: "K/h"}, "9.004": {unit: "lx"}, "9.005": {unit: "m/s"}, "9.006": {unit: "Pa"}, "9.007": {unit: "%"}, "9.008": {unit: "[ppm]"}, "9.009": {unit: "m3/h"},
	"9.010": {unit: "s"}, "9.011": {unit: "ms"}, "9.020": {unit: "mV"}, "9.021": {unit: "mA"}, "9.022": {unit: "W/m2"}, "9.023": {unit: "K/%"}, "9.024": {unit: "kW"}, "9.025": {unit: "L/h"}, "9.026": {unit: "L/m2"}, "9.027": {unit: "[degF]"}, "9.028": {unit: "km/h"}, "9.029": {unit: "g/m3"}, "9.030": {unit: "ug/m3"},
	"10.001": {unit: "s"}, "11.001": {unit: "d"}, "19.001": {unit: "s"},
	"12.100": {unit: "s"}, "12.101": {unit: "min"}, "12.102": {unit: "h"}, "12.1200": {unit: "L"}, "12.1201": {unit: "m3"},
	"13.002": {1, 10000, "m3/h"}, "13.010": {unit: "W.h"}, "13.011": {unit: "V.A.h"}, "13.013": {unit: "kW.h"}, "13.014": {unit: "kV.A.h"}, "13.016": {unit: "MW.h"}, "13.100": {unit: "s"}, "13.1200": {unit: "L"}, "13.1201": {unit: "m3"},
	"14.000": {unit: "m/s2"}, "14.006": {unit: "rad"}, "14.007": {unit: "deg"}, "14.010": {unit: "m2"}, "14.011": {unit: "F"}, "14.015": {unit: "S"}, "14.017": {unit: "kg/m3"}, "14.018": {unit: "C"}, "14.019": {unit: "A"},
	"14.027": {unit: "V"}, "14.028": {unit: "V"}, "14.031": {unit: "J"}, "14.032": {unit: "N"}, "14.033": {unit: "Hz"}, "14.036": {unit: "W"}, "14.037": {unit: "J"}, "14.038": {unit: "Ohm"}, "14.039": {unit: "m"},
	"14.042": {unit: "lm"}, "14.043": {unit: "cd"}, "14.051": {unit: "kg"}, "14.054": {unit: "rad"}, "14.055": {unit: "deg"}, "14.056": {unit: "W"}, "14.058": {unit: "Pa"}, "14.059": {unit: "Ohm"}, "14.060": {unit: "Ohm"},
	"14.064": {unit: "W/m2"}, "14.065": {unit: "m/s"}, "14.066": {unit: "Pa"}, "14.068": {unit: "Cel"}, "14.069": {unit: "K"}, "14.070": {unit: "K"}, "14.074": {unit: "s"}, "14.075": {unit: "N.m"}, "14.076": {unit: "m3"},
	"14.077": {unit: "m3/s"}, "14.078": {unit: "N"}, "14.079": {unit: "J"}, "14.080": {unit: "V.A"}, "14.1200": {unit: "m3/h"}, "14.1201": {unit: "L/s"}, "235.001": {unit: "W.h"},
	"29.010": {unit: "W.h"}, "29.011": {unit: "V.A.h"},
}

var dptText = regexp.MustCompile(`^([1-9][0-9]{0,2})\.([0-9]{3}|[1-9][0-9]{3,4}|\*)$`)

// formatOf returns the format of a datapoint type, such as 9.001, or 9.* for what no sub type is known of.
func formatOf(dpt string) (format, error) {
	parts := dptText.FindStringSubmatch(dpt)
	if parts == nil {
		return format{}, fmt.Errorf("dpt: %q: want a datapoint type, such as 9.001 for a temperature, or 9.* where the sub type is not known", dpt)
	}
	main, _ := strconv.Atoi(parts[1]) // at most three digits
	f, known := formats[main]
	if !known {
		return format{}, fmt.Errorf("dpt: %q: values of type %d are no numbers, or not known here; want one of %s", dpt, main, mainTypes())
	}
	return f, nil
}

// mainTypes lists the main types that are numbers.
func mainTypes() string {
	var all []string
	for _, main := range slices.Sorted(maps.Keys(formats)) {
		all = append(all, strconv.Itoa(main))
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// number returns the value of a telegram as an exact decimal. Percent and angles are rounded, half to even, at four decimals.
func (f format) number(dpt string, t telegram) (d dodona.Decimal, err error) {
	switch {
	case f.bits > 0 && !t.small:
		return d, fmt.Errorf("the telegram has %d bytes, and values of type %s have %d bits", len(t.value), dpt, f.bits)
	case f.bits > 0 && int(t.value[0])>>f.bits != 0:
		return d, fmt.Errorf("the telegram has more than the %d bits of type %s", f.bits, dpt)
	case f.bits == 0 && t.small:
		return d, fmt.Errorf("the telegram has six bits at most, and values of type %s have bytes", dpt)
	case f.size > 0 && len(t.value) != f.size:
		// Fault (point): a telegram is of another type than the group.
		return d, fmt.Errorf("the telegram has %d bytes, and values of type %s have %d", len(t.value), dpt, f.size)
	}
	if d, err = f.take(t.value); err != nil {
		return d, err
	}
	of := subs[dpt]
	if of.times > 1 {
		d, err = d.Mul(integer(of.times))
	}
	if err == nil && of.by > 1 {
		d, err = d.Quo(integer(of.by), 4)
	}
	return d, err
}

func integer(n int64) dodona.Decimal {
	d, _ := dodona.NewDecimal(big.NewInt(n), 0) // in range
	return d
}

func bits(b []byte) (n uint64) {
	for _, digit := range b {
		n = n<<8 | uint64(digit)
	}
	return n
}

// whole reads a number without a sign.
func whole(b []byte) (dodona.Decimal, error) {
	return dodona.NewDecimal(new(big.Int).SetUint64(bits(b)), 0)
}

// signed reads a number in two's complement.
func signed(b []byte) (dodona.Decimal, error) {
	shift := 64 - 8*len(b)
	return integer(int64(bits(b)<<shift) >> shift), nil
}

// float16 reads the float of two bytes: 0.01 × mantissa × 2^exponent, exactly.
func float16(b []byte) (dodona.Decimal, error) {
	raw := binary.BigEndian.Uint16(b)
	if raw == 0x7fff {
		// Fault (point): a device says that it has no value.
		return dodona.Decimal{}, errors.New("the device says that the value is invalid (7FFF)")
	}
	mantissa := int64(raw & 0x7ff)
	if raw&0x8000 != 0 {
		mantissa -= 0x800
	}
	return dodona.NewDecimal(big.NewInt(mantissa<<(raw>>11&0xf)), 2)
}

// float32Of reads a float of IEEE 754: the shortest decimal that is that float.
func float32Of(b []byte) (dodona.Decimal, error) {
	f := float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		// Fault (point): a float is no number.
		return dodona.Decimal{}, errors.New("the float is no finite number")
	}
	return dodona.ParseDecimal(strconv.FormatFloat(f, 'e', -1, 32))
}

// text reads a number that is written out.
func text(b []byte) (dodona.Decimal, error) {
	written := strings.Trim(string(b), " \t\r\n\x00")
	d, err := dodona.ParseDecimal(written)
	if err != nil && !errors.Is(err, dodona.ErrRange) {
		// Fault (point): a text is no number.
		err = fmt.Errorf("the text %s is no number", plain.Quote(written, 30))
	}
	return d, err
}
