package config_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

// TestAUnitIsACodeOrItIsToldWhichOne: it is part of what is signed, so it cannot be put right later.
func TestAUnitIsACodeOrItIsToldWhichOne(t *testing.T) {
	for text := range strings.FieldsSeq(`Cel K [degF] % USD EUR BTC ETH USDT BTC/USD USD/BTC EUR/MW.h EUR/[oz_tr] gwei XAU kW kW.h V.A kV.A m/s m/s2 m3/h ug/m3 mg/m3 W/m2 hPa mbar
		m[H2O] mm[Hg] [in_i'Hg] /min L/min l/h 1 10*3 10*6/L {people} {people}/h m{head} mol/L kg.m2 J/(kg.K) km2 s-1 m-3 [ppm] [pH] dB dB[SPL] By MiBy kbit/s deg lx [mi_i]/h [kn_i] a d min h [NTU] uS/cm Bq/m3 uSv/h C F rad`) {
		if meant, known := config.UnitCode(text); !known {
			t.Errorf("%s is said to be none: %q is meant", text, meant)
		}
	}
	for text, want := range map[string]string{
		"celsius": "Cel", "Celcius": "Cel", "degrees Celsius": "Cel", "°C": "Cel", "dollars": "USD", "US Dollar": "USD", "US Dollars": "USD", "us dollar": "USD", "U.S. Dollar": "USD", "Usd": "USD", "BITCOIN": "BTC", "btc": "BTC",
		"Tether": "USDT", "usdc": "USDC", "KW": "kW", "KWH": "kW.h", "khz": "kHz", "HPA": "hPa", "kilowatt hours": "kW.h", "kilowatt-hours": "kW.h", "kWh": "kW.h", "Dolars": "USD", "Farenheit": "[degF]", "m^3": "m3", "Euro": "EUR", "Gold": "XAU",
		"Banana": "", "foo": "", "bananas per hour": "", "m//s": "m/s", "m/": "", "{": "", "{a": "", "a}": "", "(m": "", "m)": "", "[banana]": "", "k%": "", "kUSD": "", "ünit": "", "пара": "", strings.Repeat("m.", 500): "",
		"r/min": "/min", "U/min": "/min", "µS/cm": "uS/cm", "m³/s": "m3/s", "kg·m/s": "kg.m/s", "Nm": "N.m", "kvar": "kV.A", "kvarh": "", "Nm3/h": "", "barg": "", "psig": "", "t//h": "t/h", // no other unit is advised, however near its code
	} {
		if meant, known := config.UnitCode(text); known || meant != want {
			t.Errorf("%q: got %q (known: %t), want %q", text, meant, known, want)
		}
	}
}

func TestUnitsWithoutACodeAreWarnedOf(t *testing.T) {
	for unit, want := range map[string]string{
		"US Dollar":    `unit: "US Dollar" is no code of UCUM or ISO 4217` + "\nits code is USD",
		"Banana":       `unit: "Banana" is no code of UCUM or ISO 4217, and of no coin that is known here` + "\nthe unit is signed, and cannot change later; what has no code stands in braces, such as " + `"{banana}"`,
		"пара шт.":     `unit: "пара шт." is no code of UCUM or ISO 4217, and of no coin that is known here` + "\nthe unit is signed, and cannot change later; what has no code stands in braces, such as " + `"{people}"`,
		"C":            "unit: C is the coulomb\ndegrees Celsius are Cel",
		`"{banana}"`:   "",
		`"{banana}/h"`: "",
		"USD":          "",
	} {
		c := mustLoad(t, "sources: {a: {http: {url: 'https://a.example/'}, value: /t}}\nfeeds: {f: {unit: "+unit+", from: [a]}}\n")
		got := ""
		for _, w := range c.Warnings {
			got += w.Message + "\n" + w.Hint
		}
		if got != want {
			t.Errorf("%s: check says\n%s\nwant\n%s", unit, got, want)
		}
	}
}
