//go:build wasm || tinygo.wasm

// Json makes a point of the first reading with encoding/json: {"sensor":"t-17","value":123.45,"unit":"Cel","ts":1700000000}.
package main

import (
	"encoding/json"

	dodona "github.com/dodona-oracle/dodona/sdk/go"
)

func main() {} // never called: the host calls run

type document struct {
	Sensor string      `json:"sensor"` // "value" if there is none
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit"`
	TS     int64       `json:"ts"` // Unix seconds; the event's time if there is none
}

//go:wasmexport dodona_run
func run() int32 {
	body, err := dodona.Input(0)
	doc := document{Sensor: "value"}
	if err == nil {
		err = json.Unmarshal(body, &doc)
	}
	value, ok := dodona.ParseDecimal(string(doc.Value))
	if err != nil || !ok {
		return dodona.Fail(1, "the reading is no object with a number value")
	}
	v := dodona.Value{Decimal: value, Time: dodona.EventTime}
	if doc.TS != 0 {
		v.Time = doc.TS * 1000
	}
	if dodona.Emit(doc.Sensor, v, doc.Unit) != nil {
		return dodona.Fail(2, "the host refuses the point")
	}
	return 0
}
