package tty

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMistakesBeginWithTheirSetting(t *testing.T) {
	good := func(change func(*Settings)) Settings {
		s := Settings{Device: "/dev/ttyUSB0"}
		change(&s)
		return s
	}
	if err := good(func(*Settings) {}).Check(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	for want, s := range map[string]Settings{
		"device: want a serial port":                      good(func(s *Settings) { s.Device = "" }),
		`device: "ttyUSB0": write /dev/ttyUSB0`:           good(func(s *Settings) { s.Device = "ttyUSB0" }),
		`device: "serial/by-id/x": write /dev/serial/by-`: good(func(s *Settings) { s.Device = "serial/by-id/x" }),
		`device: "COM3": that is a port of Windows`:       good(func(s *Settings) { s.Device = "COM3" }),
		"baud: 9: want 50 to 4000000":                     good(func(s *Settings) { s.Baud = 9 }),
		"data_bits: 9: want 5 to 8":                       good(func(s *Settings) { s.DataBits = 9 }),
		`parity: "even ": want one of`:                    good(func(s *Settings) { s.Parity = "even " }),
		`stop_bits: "3": want 1`:                          good(func(s *Settings) { s.StopBits = "3" }),
		`rs485.rts: "up": want high`:                      good(func(s *Settings) { s.RS485.RTS = "up" }),
		"rs485.before: want whole":                        good(func(s *Settings) { s.RS485 = RS485{RTS: "high", Before: time.Microsecond} }),
		"rs485.after: needs rts: high":                    good(func(s *Settings) { s.RS485.After = time.Millisecond }),
	} {
		if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", s, err, want)
		}
	}
}

func TestACharacterTakesItsBits(t *testing.T) {
	for _, c := range []struct {
		s    Settings
		want time.Duration
	}{
		{Settings{}, 10 * time.Second / 9600},
		{Settings{Baud: 19200, Parity: "even"}, 11 * time.Second / 19200},
		{Settings{Baud: 300, StopBits: "2"}, 11 * time.Second / 300},
	} {
		if got := c.s.Character(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.s, got, c.want)
		}
	}
}

func TestWhatIsNoPortSaysWhatToDo(t *testing.T) {
	if _, err := Open(Settings{Device: filepath.Join(t.TempDir(), "none")}); err == nil || !strings.Contains(err.Error(), "plugged in") {
		t.Errorf("a port that is not there: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Settings{Device: file}); err == nil {
		t.Error("a file is opened as a port")
	}
}
