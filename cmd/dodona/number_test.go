package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/node"
)

// A float whose words stand in the wrong order is tiny or huge, and once made every line of the table a hundred columns wide.
func TestANumberNobodyReadsHasAnExponent(t *testing.T) {
	for exact, want := range map[string]string{
		"0.00000000000000000000000000000000000000091837": "9.1837e-40",
		"-0.0000000000000000000000000012345678901234567": "-1.23456789012e-27",
		"340282346638528859811704183484516925440":        "3.40282346639e+38",
		"0.1234567890123456789012345":                    "0.1234567890123456789012345",
		"21.5":                                           "21.5",
		"0":                                              "0",
		"1204350000":                                     "1,204,350,000",
		"18446744073709551615":                           "18,446,744,073,709,551,615",
	} {
		d, err := dodona.ParseDecimal(exact)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := shownNumber(d); got != want {
			t.Errorf("%s is shown as %s, want %s", exact, got, want)
		}
	}
	d, err := dodona.ParseDecimal("0.00000000000000000000000000000000000000091837")
	if err != nil {
		t.Fatal(err)
	}
	rows := pointTable([]dodona.Point{{ID: "m.flow", Value: d}}).Lines(80)
	if text := strings.Join(rows, "\n"); !strings.Contains(text, "9.1837e-40") || !strings.Contains(text, "order: CDAB") {
		t.Errorf("the table is\n%s", text)
	}
	var out bytes.Buffer
	trial := node.SourceTrial{Points: []dodona.Point{{ID: "m.flow", Value: d, Unit: "l/s", Quality: dodona.Good}}}
	if err := printFollowed(terminal{out: &out}, trial, time.Time{}); err != nil || !strings.Contains(out.String(), "9.1837e-40 l/s") {
		t.Errorf("followed it is %q, %v", out.String(), err)
	}
}
