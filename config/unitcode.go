package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// unitCodes are codes of UCUM and ISO 4217 by what people write for them. A unit is part of a feed's id, so it is better right at once.
var unitCodes = map[string]string{
	"°C": "Cel", "ºC": "Cel", "℃": "Cel", "degC": "Cel", "deg_C": "Cel", "celsius": "Cel", "centigrade": "Cel", "c": "Cel",
	"°F": "[degF]", "ºF": "[degF]", "℉": "[degF]", "degF": "[degF]", "fahrenheit": "[degF]", "kelvin": "K", "°K": "K",
	"percent": "%", "pct": "%", "percentage": "%", "ppm": "[ppm]", "ppb": "[ppb]", "permille": "[ppth]",
	"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "dollar": "USD", "dollars": "USD", "euro": "EUR", "euros": "EUR",
	"usd": "USD", "eur": "EUR", "gbp": "GBP", "jpy": "JPY", "chf": "CHF", "cny": "CNY", "rmb": "CNY", "RMB": "CNY", "inr": "INR", "aud": "AUD", "cad": "CAD",
	"kWh": "kW.h", "Wh": "W.h", "MWh": "MW.h", "kVAh": "kV.A.h", "kwh": "kW.h", "Ah": "A.h", "mAh": "mA.h", "kw": "kW", "watt": "W", "watts": "W",
	"volt": "V", "volts": "V", "amp": "A", "amps": "A", "ampere": "A", "ohm": "Ohm", "Ω": "Ohm", "VA": "V.A", "kVA": "kV.A", "var": "V.A", "kvar": "kV.A", "kVAr": "kV.A", "hertz": "Hz",
	"psi": "[psi]", "mph": "[mi_i]/h", "kmh": "km/h", "kph": "km/h", "rpm": "/min", "RPM": "/min", "r/min": "/min", "rev/min": "/min", "U/min": "/min", "tr/min": "/min", "Nm": "N.m", "inHg": "[in_i'Hg]", "mmHg": "mm[Hg]", "knots": "[kn_i]", "kn": "[kn_i]",
	"sec": "s", "secs": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "hour": "h", "hours": "h", "hr": "h", "day": "d", "days": "d",
	"m²": "m2", "m³": "m3", "m^2": "m2", "m^3": "m3", "m/s²": "m/s2", "m/s^2": "m/s2", "µg/m³": "ug/m3", "μg/m³": "ug/m3", "ug/m³": "ug/m3", "mg/m³": "mg/m3", "W/m²": "W/m2", "m³/h": "m3/h",
	"liter": "L", "liters": "L", "litre": "L", "litres": "L", "ltr": "L", "l/min": "L/min", "lpm": "L/min", "gpm": "[gal_us]/min", "cfm": "[cft_i]/min", "lux": "lx", "db": "dB", "dBA": "dB", "degree": "deg", "degrees": "deg", "°": "deg",
	"inch": "[in_i]", "inches": "[in_i]", "foot": "[ft_i]", "feet": "[ft_i]", "ft": "[ft_i]", "meter": "m", "meters": "m", "metre": "m", "pascal": "Pa", "bars": "bar", "mbar ": "mbar", "kilogram": "kg", "kgs": "kg", "tonne": "t",
}

// meantByName are codes by names of which people write a part, or more: US Dollar, Tether USD.
var meantByName = map[string]string{
	"usdollar": "USD", "usdollars": "USD", "americandollar": "USD", "poundsterling": "GBP", "pound": "GBP", "pounds": "GBP", "sterling": "GBP", "yen": "JPY", "yuan": "CNY", "renminbi": "CNY",
	"swissfranc": "CHF", "franc": "CHF", "rupee": "INR", "rupees": "INR", "won": "KRW", "ruble": "RUB", "real": "BRL", "peso": "MXN", "zloty": "PLN", "krona": "SEK", "krone": "NOK", "lira": "TRY", "cent": "USD", "cents": "USD",
	"bitcoin": "BTC", "bitcoins": "BTC", "ether": "ETH", "ethereum": "ETH", "tether": "USDT", "tetherusd": "USDT", "usdcoin": "USDC", "solana": "SOL", "ripple": "XRP", "dogecoin": "DOGE", "cardano": "ADA", "gold": "XAU", "silver": "XAG", "satoshi": "sats",
	"degreescelsius": "Cel", "degreecelsius": "Cel", "degreesc": "Cel", "degc": "Cel", "degreesfahrenheit": "[degF]", "kilowatt": "kW", "kilowatts": "kW", "megawatt": "MW", "kilowatthour": "kW.h", "kilowatthours": "kW.h", "megawatthour": "MW.h",
	"watthour": "W.h", "watthours": "W.h", "kilometer": "km", "kilometers": "km", "kilometre": "km", "centimeter": "cm", "millimeter": "mm", "millimeters": "mm", "micrometer": "um", "gram": "g", "grams": "g", "milligram": "mg", "milliliter": "mL",
	"kilohertz": "kHz", "megahertz": "MHz", "hectopascal": "hPa", "kilopascal": "kPa", "millibar": "mbar", "decibel": "dB", "decibels": "dB", "joule": "J", "joules": "J", "newton": "N", "lumen": "lm", "siemens": "S", "millivolt": "mV", "milliamp": "mA", "milliamps": "mA",
	"metrespersecond": "m/s", "meterspersecond": "m/s", "kilometersperhour": "km/h", "milesperhour": "[mi_i]/h", "litersperminute": "L/min", "cubicmeter": "m3", "cubicmeters": "m3", "cubicmetre": "m3", "squaremeter": "m2", "squaremeters": "m2",
	"pounds per square inch": "[psi]", "mile": "[mi_i]", "miles": "[mi_i]", "yard": "[yd_i]", "yards": "[yd_i]", "gallon": "[gal_us]", "gallons": "[gal_us]", "ounce": "[oz_av]", "ounces": "[oz_av]", "troyounce": "[oz_tr]", "barrel": "[bbl_us]", "byte": "By", "bytes": "By", "bits": "bit",
	"week": "wk", "weeks": "wk", "month": "mo", "months": "mo", "year": "a", "years": "a", "milliseconds": "ms", "millisecond": "ms", "radian": "rad", "radians": "rad", "revolutionsperminute": "/min",
}

// usualUnits are codes of which people get the case wrong.
var usualUnits = strings.Fields("Hz kHz MHz GHz W kW MW GW W.h kW.h MW.h GW.h V.A kV.A V kV mV A mA kA Pa hPa kPa MPa bar mbar mm cm km kg mg ug mL m/s km/h L/min L/h m3/h ug/m3 mg/m3 W/m2 Cel dB dB[SPL] lx lm Ohm kOhm MOhm uS/cm mS/cm mol kJ MJ GJ rad deg By kBy MBy GBy kbit Mbit [degF] [psi] [ppm] [ppb] [pH]")

// UnitCode says whether a unit is a code of UCUM, of ISO 4217 or of a coin. If it is not, meant is the one that was probably meant, or "".
func UnitCode(text string) (meant string, known bool) {
	if code, found := unitCodes[text]; found {
		return code, code == text
	}
	if text == "" || isUnit(text) {
		return text, true
	}
	if code, found := unitCodes[strings.ToLower(text)]; found && len(text) > 2 {
		return code, false
	}
	if code := plainLetters.Replace(text); code != text && isUnit(code) {
		return code, false
	}
	name := strings.ToLower(separated.Replace(text))
	if code, found := meantByName[name]; found {
		return code, false
	}
	byWord := map[string]string{}
	maps.Copy(byWord, unitCodes)
	maps.Copy(byWord, meantByName)
	for _, code := range slices.Concat(strings.Fields(currencies), strings.Fields(coins), usualUnits) {
		if strings.EqualFold(code, text) || strings.ToLower(separated.Replace(code)) == name {
			return code, false
		}
	}
	// A symbol of which one letter is another is another unit (uS/cm and mS/cm, kUSD and USD), so only words are near to each other.
	name = strings.ReplaceAll(name, ".", "")
	isWord := func(s string) bool { return len(s) >= 5 && strings.Trim(s, lowerLetters) == "" }
	if !isWord(name) {
		return "", false
	}
	maps.DeleteFunc(byWord, func(word, _ string) bool { return !isWord(word) })
	return byWord[strict.Nearest(name, slices.Sorted(maps.Keys(byWord)))], false
}

const lowerLetters = "abcdefghijklmnopqrstuvwxyz"

// plainLetters writes what people set as superscripts and in Greek as UCUM does.
var plainLetters = strings.NewReplacer("²", "2", "³", "3", "⁻¹", "-1", "⁻", "-", "¹", "1", "^", "", "µ", "u", "μ", "u", "·", ".", "⋅", ".", "*", ".", "//", "/")

// warnOfUnit warns of a unit that is no code.
func (l *loader) warnOfUnit(where string, n *strict.Node) {
	unit, at := n.Descend(nil, "unit")
	if unit == nil || unit.Kind != strict.Scalar {
		return
	}
	switch meant, known := UnitCode(unit.Text); {
	case !known && meant != "":
		l.report.Warn(at, where, fmt.Sprintf("unit: %s is no code of UCUM or ISO 4217", strict.QuoteAll(unit.Text)), "its code is "+meant)
	case !known:
		l.report.Warn(at, where, fmt.Sprintf("unit: %s is no code of UCUM or ISO 4217, and of no coin that is known here", strict.QuoteAll(unit.Text)), "the unit is signed, and cannot change later; what has no code stands in braces, such as "+braced(unit.Text))
	case unit.Text == "C":
		l.report.Warn(at, where, "unit: C is the coulomb", "degrees Celsius are Cel")
	case unit.Text == "F":
		l.report.Warn(at, where, "unit: F is the farad", "degrees Fahrenheit are [degF]")
	}
}

// braced writes a name of one's own as UCUM has it.
func braced(text string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune("{}[]()", r) {
			return '_'
		}
		return r
	}, strings.ToLower(text)), "_.")
	if name == "" || len(name) > 20 {
		name = "people"
	}
	return strict.Plain("{" + name + "}")
}
