package config

import (
	"fmt"
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
	"volt": "V", "volts": "V", "amp": "A", "amps": "A", "ampere": "A", "ohm": "Ohm", "Ω": "Ohm", "VA": "V.A", "kVA": "kV.A", "var": "V.A", "hertz": "Hz",
	"psi": "[psi]", "mph": "[mi_i]/h", "kmh": "km/h", "kph": "km/h", "rpm": "/min", "RPM": "/min", "inHg": "[in_i'Hg]", "mmHg": "mm[Hg]", "knots": "[kn_i]", "kn": "[kn_i]",
	"sec": "s", "secs": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "hour": "h", "hours": "h", "hr": "h", "day": "d", "days": "d",
	"m²": "m2", "m³": "m3", "m^2": "m2", "m^3": "m3", "m/s²": "m/s2", "m/s^2": "m/s2", "µg/m³": "ug/m3", "μg/m³": "ug/m3", "ug/m³": "ug/m3", "mg/m³": "mg/m3", "W/m²": "W/m2", "m³/h": "m3/h",
	"liter": "L", "liters": "L", "litre": "L", "litres": "L", "ltr": "L", "l/min": "L/min", "lux": "lx", "db": "dB", "dBA": "dB", "degree": "deg", "degrees": "deg", "°": "deg",
	"inch": "[in_i]", "inches": "[in_i]", "foot": "[ft_i]", "feet": "[ft_i]", "ft": "[ft_i]", "meter": "m", "meters": "m", "metre": "m", "pascal": "Pa", "bars": "bar", "mbar ": "mbar", "kilogram": "kg", "kgs": "kg", "tonne": "t",
}

// warnOfUnit warns of a unit that is no code.
func (l *loader) warnOfUnit(where string, n *strict.Node) {
	unit, at := n.Descend(nil, "unit")
	if unit == nil || unit.Kind != strict.Scalar {
		return
	}
	code, found := unitCodes[unit.Text]
	if !found {
		code, found = unitCodes[strings.ToLower(unit.Text)]
		found = found && len(unit.Text) > 3
	}
	switch {
	case found:
		l.report.Warn(at, where, fmt.Sprintf("unit: %s is no code of UCUM or ISO 4217", strict.QuoteAll(unit.Text)), "its code is "+code)
	case unit.Text == "C":
		l.report.Warn(at, where, "unit: C is the coulomb", "degrees Celsius are Cel")
	case unit.Text == "F":
		l.report.Warn(at, where, "unit: F is the farad", "degrees Fahrenheit are [degF]")
	}
}
