package modbus

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/internal/tty"
)

func TestMistakesBeginWithTheirSetting(t *testing.T) {
	one := func(r Register) map[string]Register { return map[string]Register{"p": r} }
	good := one(Register{Holding: at(1)})
	for want, s := range map[string]Settings{
		"address: want one of address, serial and listen":        settings(good, func(s *Settings) { s.Address = "" }),
		"address: want one of address, serial":                   settings(good, func(s *Settings) { s.Serial = &tty.Settings{Device: "/dev/ttyS0"} }),
		`address: "tcp://10.0.0.5": want host:port`:              settings(good, func(s *Settings) { s.Address = "tcp://10.0.0.5" }),
		`address: "10.0.0.5:x": want host:port`:                  settings(good, func(s *Settings) { s.Address = "10.0.0.5:x" }),
		`framing: "ascii": want tcp or rtu`:                      settings(good, func(s *Settings) { s.Framing = "ascii" }),
		"serial.baud: 1: want":                                   settings(good, func(s *Settings) { s.Address, s.Serial = "", &tty.Settings{Device: "/dev/ttyS0", Baud: 1} }),
		"tls: only of a connection to address":                   settings(good, func(s *Settings) { s.Address, s.Serial, s.TLS = "", &tty.Settings{Device: "/dev/ttyS0"}, &TLS{} }),
		"tls.cert: missing, want the PEM file":                   settings(good, func(s *Settings) { s.TLS = &TLS{Certificate: httpc.Certificate{Key: "k"}} }),
		`tls.server_name: "10.0.0.5:802": want one host`:         settings(good, func(s *Settings) { s.TLS = &TLS{Certificate: httpc.Certificate{ServerName: "10.0.0.5:802"}} }),
		`listen.address: "x": want host:port`:                    settings(good, func(s *Settings) { s.Address, s.Listen = "", &Listen{Address: "x", ID: "1"} }),
		"listen.id: want what the device sends first":            settings(good, func(s *Settings) { s.Address, s.Listen = "", &Listen{Address: ":1"} }),
		`listen.id: "0x1": want two hex digits`:                  settings(good, func(s *Settings) { s.Address, s.Listen = "", &Listen{Address: ":1", ID: "0x1"} }),
		"any_unit: an answer in rtu":                             settings(good, func(s *Settings) { s.Framing, s.AnyUnit = RTU, true }),
		"unit: 256: want 0 to 255":                               settings(nil, func(s *Settings) { s.Unit = 256 }),
		"registers: want at least one":                           settings(nil),
		"registers.p: unit 0: want 1 to 247":                     settings(good, func(s *Settings) { s.Framing, s.Unit = RTU, 0 }),
		`devices.4: no register is of this unit`:                 settings(good, func(s *Settings) { s.Named = map[string]string{"4": "x"} }),
		"base: 2: want 0 or 1":                                   settings(good, func(s *Settings) { s.Base = 2 }),
		"gap: -1: want":                                          settings(good, func(s *Settings) { s.Gap = -1 }),
		"max_registers: 126: want 1 to 125":                      settings(good, func(s *Settings) { s.MaxRegisters = 126 }),
		"max_bits: 0: want 1 to 2000":                            settings(good, func(s *Settings) { s.MaxBits = 0 }),
		`holes[0]: "1-2": want a table`:                          settings(good, func(s *Settings) { s.Holes = []string{"1-2"} }),
		`holes[0]: "holding/2-1": want a table`:                  settings(good, func(s *Settings) { s.Holes = []string{"holding/2-1"} }),
		"registers.p: it stands in one of holes":                 settings(good, func(s *Settings) { s.Holes = []string{"holding/0-1"} }),
		`order: "BA": want ABCD`:                                 settings(good, func(s *Settings) { s.Order = "BA" }),
		"every: 1ms: want at least 10ms":                         settings(good, func(s *Settings) { s.Every = time.Millisecond }),
		"timeout: 0s: want":                                      settings(good, func(s *Settings) { s.Timeout = 0 }),
		"connect_timeout: 1h: want":                              settings(good, func(s *Settings) { s.ConnectTimeout = time.Hour }),
		"retries: 6: want 0 to 5":                                settings(good, func(s *Settings) { s.Retries = 6 }),
		"pause: 1h: want at most 1m":                             settings(good, func(s *Settings) { s.Pause = time.Hour }),
		"pause_after_connect: 1h: want":                          settings(good, func(s *Settings) { s.PauseAfterConnect = time.Hour }),
		"registers.p: want one of holding, input":                settings(one(Register{})),
		"registers.p: a point has one of holding, input":         settings(one(Register{Holding: at(1), Coil: at(1)})),
		"registers.p.holding: 65536: want 0 to 65535":            settings(one(Register{Holding: at(65536)})),
		"registers.p.holding: 0: want 1 to 65536, for base is 1": settings(one(Register{Holding: at(0)}), func(s *Settings) { s.Base = 1 }),
		"registers.p.holding: 65535: it takes 2":                 settings(one(Register{Holding: at(65535), Format: registers.Format{Type: registers.Int32}})),
		`registers.p.at: "4001": want five or six`:               settings(one(Register{At: "4001"})),
		"registers.p.at: 20001: want 0 (coil)":                   settings(one(Register{At: "20001"})),
		"registers.p.at: 40000: the number":                      settings(one(Register{At: "40000"})),
		"registers.p.unit_id: 300: want 0 to 255":                settings(one(Register{Holding: at(1), UnitID: at(300)})),
		"registers.p.type: int16: a coil is one bit":             settings(one(Register{Coil: at(1), Format: registers.Format{Type: registers.Int16}})),
		"registers.p.bits: a coil is one bit":                    settings(one(Register{Coil: at(1), Format: registers.Format{Bits: registers.BitsOf(0, 0)}})),
		"registers.p.type: int8: a register has two":             settings(one(Register{Holding: at(1), Format: registers.Format{Type: registers.Int8}})),
		"registers.p.order: HGFEDCBA is of eight bytes":          settings(one(Register{Holding: at(1), Format: registers.Format{Order: "HGFEDCBA"}})),
		"registers.p.length: 254: want at most 125":              settings(one(Register{Holding: at(1), Format: registers.Format{Type: registers.String, Length: 254}})),
		`registers.p.type: "float": write float32`:               settings(one(Register{Holding: at(1), Format: registers.Format{Type: "float"}})),
		`registers.p.type: "int24": want one of bool, int`:       settings(one(Register{Holding: at(1), Format: registers.Format{Type: "int24"}})),
	} {
		err := s.Check()
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRulesHoldWhatRegistersMeanAndNobodysAddress(t *testing.T) {
	s := settings(map[string]Register{
		"temperature": {Holding: at(101), Unit: "Cel", Format: registers.Format{Type: registers.Int16, Scale: tenth(t)}},
		"energy":      {At: "30011", UnitID: at(4), Format: registers.Format{Type: registers.Uint32}},
		"run":         {Coil: at(1)},
	}, func(s *Settings) { s.Base, s.Unit, s.Order = 1, 3, "CDAB" })
	got, err := json.Marshal(s.rules())
	want := `{"energy":{"unit_id":4,"table":"input","at":10,"type":"uint32","order":"CDAB"},"run":{"unit_id":3,"table":"coil","at":0,"type":"bool"},` +
		`"temperature":{"unit_id":3,"table":"holding","at":100,"type":"int16","scale":"0.1","unit":"Cel"}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	alike := settings(map[string]Register{
		"temperature": {At: "40101", Unit: "Cel", UnitID: at(3), Format: registers.Format{Type: registers.Int16, Order: "AB", Scale: tenth(t)}},
		"energy":      {Input: at(10), UnitID: at(4), Format: registers.Format{Type: registers.Uint32, Order: "CDAB"}},
		"run":         {Coil: at(0), UnitID: at(3), Format: registers.Format{Type: registers.Bool}},
	}, func(s *Settings) { s.Address = "10.0.0.9:5020" })
	if again, err := json.Marshal(alike.rules()); string(again) != want || err != nil {
		t.Errorf("the same registers, written otherwise: %s, %v\nwant %s", again, err, want)
	}
}

func TestDevicesAreThoseOfUnits(t *testing.T) {
	s := settings(map[string]Register{"a": {Holding: at(1)}, "b": {Holding: at(1), UnitID: at(4)}}, func(s *Settings) { s.Named = map[string]string{"4": "boiler-2"} })
	if got := s.Devices(); len(got) != 1 || got["b"] != "boiler-2" {
		t.Errorf("got %v, want boiler-2 for b alone", got)
	}
}
