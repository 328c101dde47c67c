package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A liar is a device that answers what a test makes of a request; no device that somebody else wrote does.
func liar(t *testing.T, answer func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket) Settings {
	t.Helper()
	return spoiler(t, answer, func(raw []byte) []byte { return raw })
}

// spoiler is a liar whose answers are changed on their way.
func spoiler(t *testing.T, answer func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket, spoil func(raw []byte) []byte) Settings {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			asked, err := (&gosnmp.GoSNMP{Version: gosnmp.Version2c}).SnmpDecodePacket(b[:n])
			if err != nil {
				t.Errorf("the source sent %x: %v", b[:n], err)
				continue
			}
			said := answer(asked)
			if said == nil {
				continue
			}
			said.Version, said.Community, said.PDUType = asked.Version, asked.Community, gosnmp.GetResponse
			raw, err := said.MarshalMsg()
			if err != nil {
				t.Errorf("marshal: %v", err)
				continue
			}
			_, _ = socket.WriteTo(spoil(raw), from)
		}
	})
	t.Cleanup(func() {
		_ = socket.Close()
		serving.Wait()
	})
	s := *Kind.Settings().(*Settings) //nolint:errcheck // what the kind makes
	s.Address, s.Version, s.Timeout, s.Retries = socket.LocalAddr().String(), "2c", 10*time.Second, 0
	s.OIDs = map[string]Variable{"up": {OID: sysUpTime}}
	return s
}

func lying(t *testing.T, s Settings) *poller {
	t.Helper()
	o, err := Kind.Open(t.Context(), &s, source.Env{Source: "device", Now: time.Now, Dropped: func(uint64, string) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o.(*poller) //nolint:errcheck // what open returns
}

// TestAnAnswerToNobodyIsNotTaken: the library takes one to request 0 for its own, whatever it asked.
func TestAnAnswerToNobodyIsNotTaken(t *testing.T) {
	t.Parallel()
	s := liar(t, func(*gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
		return &gosnmp.SnmpPacket{RequestID: 0, Variables: []gosnmp.SnmpPDU{{Name: "." + sysUpTime, Type: gosnmp.TimeTicks, Value: uint32(4711)}}}
	})
	s.Timeout = time.Second // the library may as well wait for another one
	if b, err := lying(t, s).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "what answers is no answer to the request") {
		t.Errorf("got %v, %v", b.Readings, err)
	}
}

// following answers with what follows a variable, and its text.
func following(asked *gosnmp.SnmpPacket, next func(oid string) string) *gosnmp.SnmpPacket {
	said := &gosnmp.SnmpPacket{RequestID: asked.RequestID}
	oid := strings.TrimPrefix(asked.Variables[0].Name, ".")
	for range max(asked.MaxRepetitions, 1) {
		oid = next(oid)
		said.Variables = append(said.Variables, gosnmp.SnmpPDU{Name: "." + oid, Type: gosnmp.OctetString, Value: []byte("port")})
	}
	return said
}

func TestAWalkThatGoesInCirclesEnds(t *testing.T) {
	t.Parallel()
	const column = "1.3.6.1.2.1.31.1.1.1.1"
	s := liar(t, func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
		return following(asked, func(oid string) string {
			if oid == column+".2" {
				return column + ".1"
			}
			return column + ".2"
		})
	})
	if _, _, err := Scan(t.Context(), s, column, MaxWalk); err == nil || !strings.Contains(err.Error(), "after "+column+".2 the device names "+column+".1, which is no further: it goes in circles") {
		t.Errorf("a circle: %v", err)
	}
}

// TestATableWithoutAnEndIsSearchedToItsCap, and what is wanted of it is bad with that reason.
func TestATableWithoutAnEndIsSearchedToItsCap(t *testing.T) {
	t.Parallel()
	const column = "1.3.6.1.2.1.31.1.1.1.1"
	s := liar(t, func(asked *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
		return following(asked, func(oid string) string {
			index, _ := below(column, oid)
			n, _ := strconv.Atoi(index) // 0 of the column itself
			return column + "." + strconv.Itoa(n+1)
		})
	})
	s.OIDs = map[string]Variable{"in": {OID: "1.3.6.1.2.1.31.1.1.1.6", Row: &Row{Column: column, Is: "eth0"}}}
	if err := Kind.Check(&s); err != nil {
		t.Fatal(err)
	}
	b, err := lying(t, s).Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.Readings); !strings.Contains(got, `none of its first 10000 rows says "eth0", and more are not looked at`) {
		t.Errorf("got %s", got)
	}
	for _, r := range b.Readings {
		if r.Quality == dodona.Good {
			t.Errorf("a row that is not there is good: %+v", r)
		}
	}
}

// TestADeviceThatJumpsIsLookedForAnew: its engine id or its clock is another one for each request.
func TestADeviceThatJumpsIsLookedForAnew(t *testing.T) {
	s := &session{lib: &gosnmp.GoSNMP{Version: gosnmp.Version3}, wire: &wire{}}
	for err, what := range map[error]string{gosnmp.ErrUnknownEngineID: "its engine id", gosnmp.ErrNotInTimeWindow: "its time"} {
		got := s.explain(t.Context(), Settings{Address: "10.0.0.2", Version: "3", User: &User{Name: "edge"}}, err)
		if got == nil || errors.Is(got, context.Canceled) || !strings.Contains(got.Error(), "10.0.0.2 takes itself for another since it was found ("+what+"); it is looked for anew") {
			t.Errorf("%v: %v", err, got)
		}
	}
}
