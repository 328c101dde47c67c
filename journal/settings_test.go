package journal

import (
	"strings"
	"testing"
	"time"
)

func TestSettingsSayWhatIsWrongWithThem(t *testing.T) {
	for _, c := range []struct {
		change func(*Settings)
		want   string // "": nothing is
	}{
		{func(*Settings) {}, ""},
		{func(s *Settings) { s.URL = "nats://10.0.0.2:4222, tls://b, ws://c , wss://d" }, ""},
		{func(s *Settings) { s.URL = "nats://a,http://b" }, `url: scheme "http": want nats, tls, ws or wss`},
		{func(s *Settings) { s.URL = "10.0.0.2" }, "url: want an address such as nats://10.0.0.2:4222"},
		{func(s *Settings) { s.URL = "nats://" }, "url: want an address such as nats://10.0.0.2:4222"},
		{func(s *Settings) { s.URL = "nats://a\x7f" }, "url: want an address such as nats://10.0.0.2:4222"},
		{func(s *Settings) { s.Listen = "127.0.0.1:4222" }, ""},
		{func(s *Settings) { s.Listen = "0.0.0.0:4222" }, `listen: "0.0.0.0:4222": want a loopback address`},
		{func(s *Settings) { s.Listen = "127.0.0.1" }, "listen: "},
		{func(s *Settings) { s.Listen, s.URL = "127.0.0.1:4222", "nats://a" }, "listen: goes with the embedded journal"},
		{func(s *Settings) { s.Readers.Grace = 0 }, ""},
		{func(s *Settings) { s.Readers.Grace = -1 }, "readers.grace: "},
		{func(s *Settings) { s.Raw.Bytes = minStreamBytes }, ""},
		{func(s *Settings) { s.Raw.Bytes = minStreamBytes - 1 }, "raw.bytes: "},
		{func(s *Settings) { s.Proof.Bytes = minStreamBytes - 1 }, "proof.bytes: "},
		{func(s *Settings) { s.Raw.Age = time.Minute }, ""},
		{func(s *Settings) { s.Raw.Age = time.Minute - 1 }, "raw.age: "},
		{func(s *Settings) { s.Proof.Age = 0 }, "proof.age: "},
	} {
		var s Settings
		s.Default()
		c.change(&s)
		err := s.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", s, err, c.want)
		}
	}
	var s Settings
	s.Default()
	if want := (Settings{
		Durability: Batch, Raw: Limits{256 << 20, 7 * 24 * time.Hour}, Proof: Limits{256 << 20, 365 * 24 * time.Hour}, Readers: Readers{3 * 24 * time.Hour},
	}); s != want {
		t.Errorf("the defaults are %+v, want %+v", s, want)
	}
	if s.Shared() || s.Servers() != nil {
		t.Errorf("an embedded journal is shared %t by %q", s.Shared(), s.Servers())
	}
	s.Listen = "127.0.0.1:4222"
	if !s.Shared() {
		t.Error("one that listens is not shared")
	}
	s.Listen, s.URL = "", "nats://a, nats://b"
	if list := s.Servers(); !s.Shared() || len(list) != 2 || list[0] != "nats://a" || list[1] != "nats://b" {
		t.Errorf("one elsewhere is shared %t by %q", s.Shared(), list)
	}
}
