//go:build integration

package snmp

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

const (
	linkDown = "1.3.6.1.6.3.1.1.5.3"
	ifIndex  = "1.3.6.1.2.1.2.2.1.1"
	heard1   = "1.3.6.1.4.1.8072.9999.1"
)

// listening is a source that waits for notifications, and what of them it refuses.
type listening struct {
	dodona.Source
	settings *Settings
	mu       sync.Mutex
	dropped  []string
}

func listeningTo(t *testing.T) *Settings {
	s := Kind.Settings().(*Settings)
	s.Listen = "127.0.0.1:" + strconv.Itoa(peertest.UDPPort(t))
	s.Community = secret.New("s3cret")
	s.Users = []User{*user("u0", "", ""), *user("u1", "sha", ""), *user("u256", "sha-256", "aes"), *user("u5", "md5", "des"), *user("bound", "sha-256", "aes")}
	s.Users[4].Engines = []string{"0x80001f888001020304"}
	s.OIDs = map[string]Variable{
		"index": {OID: ifIndex, Notification: linkDown},
		"value": {OID: heard1, Scale: decimal("0.1")},
		"other": {OID: heard1, From: "10.9.9.9"},
	}
	return s
}

func listen(t *testing.T, s *Settings) *listening {
	t.Helper()
	l := &listening{settings: s}
	l.Source = opened(t, s, source.Env{Dropped: func(n uint64, cause string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.dropped = append(l.dropped, strings.Repeat("+", int(n)-1)+cause)
	}})
	return l
}

// next returns what comes next, and acknowledges it.
func (l *listening) next(t *testing.T) (dodona.Reading, map[string]dodona.Point) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := l.Observe(ctx)
	if err != nil {
		t.Fatalf("%v; refused %q", err, l.refused())
	}
	if len(b.Readings) != 1 {
		t.Fatalf("%d readings", len(b.Readings))
	}
	if err := b.Ack(ctx); err != nil {
		t.Error(err)
	}
	return b.Readings[0], points(t, l.settings, b.Readings)
}

func (l *listening) refused() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

func TestNotificationsOfEachVersionAreTaken(t *testing.T) {
	t.Parallel()
	l := listen(t, listeningTo(t))
	v3 := func(more ...string) []string {
		return append(append([]string{"-v3", "-A", "password-a", "-X", "password-x"}, more...), l.settings.Listen, "", linkDown, ifIndex+".7", "i", "7")
	}
	for name, args := range map[string][]string{
		"v1":           {"-v1", "-c", "s3cret", l.settings.Listen, "1.3.6.1.4.1.9.9", "10.1.2.3", "2", "0", "4200", ifIndex + ".7", "i", "7"},
		"v2c":          {"-v2c", "-c", "s3cret", l.settings.Listen, "", linkDown, ifIndex + ".7", "i", "7"},
		"v2c inform":   {"-v2c", "-Ci", "-t", "60", "-c", "s3cret", l.settings.Listen, "", linkDown, ifIndex + ".7", "i", "7"},
		"v3 in clear":  v3("-u", "u0", "-l", "noAuthNoPriv"),
		"v3 signed":    v3("-u", "u1", "-l", "authNoPriv", "-a", "SHA"),
		"v3 encrypted": v3("-u", "u256", "-l", "authPriv", "-a", "SHA-256", "-x", "AES"),
		"v3 MD5 DES":   v3("-u", "u5", "-l", "authPriv", "-a", "MD5", "-x", "DES"),
		"v3 engine":    v3("-u", "bound", "-l", "authPriv", "-a", "SHA-256", "-x", "AES", "-e", "0x80001f888001020304"),
		"v3 inform":    v3("-Ci", "-t", "60", "-u", "u256", "-l", "authPriv", "-a", "SHA-256", "-x", "AES"),
		"v3 inform 2":  v3("-Ci", "-t", "60", "-u", "u1", "-l", "authNoPriv", "-a", "SHA"),
		"v3 inform 3":  v3("-Ci", "-t", "60", "-u", "u0", "-l", "noAuthNoPriv"),
	} {
		sent := make(chan error, 1)
		go func() { sent <- trap(t, args...) }()
		r, got := l.next(t)
		if p := got["index"]; r.Item != "127.0.0.1/"+linkDown || p.Value.String() != "7" || p.Quality != dodona.Good || len(got) != 1 {
			t.Errorf("%s: %s has %+v", name, r.Item, got)
		}
		if strings.Contains(string(r.Body), "s3cret") || r.Detail == "" {
			t.Errorf("%s: the reading holds the community, or says nothing: %q", name, r.Detail)
		}
		if err := <-sent; err != nil { // an inform is answered
			t.Errorf("%s: %v", name, err)
		}
	}
	if refused := l.refused(); len(refused) > 0 {
		t.Errorf("refused %q", refused)
	}
}

func TestANotificationOfSomebodyElseIsRefusedAndCounted(t *testing.T) {
	t.Parallel()
	s := listeningTo(t)
	s.From = []string{"127.0.0.0/8"}
	l := listen(t, s)
	away := listeningTo(t)
	away.From = []string{"10.0.0.0/8", "::1"}
	elsewhere := listen(t, away)
	v3 := func(more ...string) []string {
		return append(append([]string{"-v3"}, more...), s.Listen, "", linkDown, ifIndex+".7", "i", "7")
	}
	priv := []string{"-l", "authPriv", "-a", "SHA-256", "-x", "AES"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"community":        {[]string{"-v2c", "-c", "public", s.Listen, "", linkDown}, "another community"},
		"community of v1":  {[]string{"-v1", "-c", "public", s.Listen, "1.3.6.1.4.1.9.9", "10.1.2.3", "2", "0", "42"}, "another community"},
		"user":             {v3(append([]string{"-u", "nobody", "-A", "password-a", "-X", "password-x"}, priv...)...), `nobody here is user "nobody"`},
		"auth_password":    {v3(append([]string{"-u", "u256", "-A", "password-b", "-X", "password-x"}, priv...)...), `user "u256" did not sign it so`},
		"priv_password":    {v3(append([]string{"-u", "u256", "-A", "password-a", "-X", "password-y"}, priv...)...), `user "u256" did not sign it so`},
		"less than signed": {v3("-u", "u256", "-l", "authNoPriv", "-a", "SHA-256", "-A", "password-a"), `user "u256" must send as users says`},
		"in clear":         {v3("-u", "u256", "-l", "noAuthNoPriv"), `user "u256" must send as users says`},
		"another engine":   {v3(append([]string{"-u", "bound", "-A", "password-a", "-X", "password-x", "-e", "0x80001f888001020399"}, priv...)...), "engine 80001f888001020399 is none of user"},
	} {
		before := len(l.refused())
		if err := trap(t, c.args...); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() error {
			if len(l.refused()) == before {
				return errNone
			}
			return nil
		})
		if got := l.refused()[before:]; len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.HasPrefix(got[0], "from 127.0.0.1: ") {
			t.Errorf("%s: refused %q, want %s", name, got, c.want)
		}
	}
	if err := trap(t, "-v2c", "-c", "s3cret", away.Listen, "", linkDown); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() error {
		if got := elsewhere.refused(); len(got) != 1 || !strings.Contains(got[0], "the address is not one of from") {
			return errNone
		}
		return nil
	})
	if err := trap(t, "-v2c", "-c", "s3cret", s.Listen, "", linkDown, heard1+".0", "s", "215"); err != nil {
		t.Fatal(err)
	}
	if _, got := l.next(t); got["value"].Value.String() != "21.5" || len(got) != 1 {
		t.Errorf("after all that: %+v", got)
	}
}

// TestAFloodIsBoundedAndCounted, and what is no SNMP costs nothing but its line.
func TestAFloodIsBoundedAndCounted(t *testing.T) {
	t.Parallel()
	l := listen(t, listeningTo(t))
	c, err := net.Dial("udp", l.settings.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	whole := trapOf(t, varbind{ifIndex + ".7", tagInteger, []byte{7}})
	waitFor(t, func() error { // the kernel drops some on the way
		for range 100 {
			if _, err := c.Write(whole); err != nil {
				t.Fatal(err)
			}
		}
		if refused := l.refused(); len(refused) == 0 || !slices.ContainsFunc(refused, func(cause string) bool { return strings.Contains(cause, "1000 notifications wait already") }) {
			return errNone
		}
		return nil
	})
	b, err := l.Observe(t.Context())
	if err != nil || len(b.Readings) != maxBatch {
		t.Errorf("%d readings at once, %v", len(b.Readings), err)
	}
	for _, junk := range []string{"", "GET / HTTP/1.0\r\n\r\n", "\x30\x84\xff\xff\xff\xff", string(whole[:20])} {
		before := len(l.refused())
		waitFor(t, func() error { // the system may have no room for it either
			if _, err := c.Write([]byte(junk)); err != nil {
				t.Fatal(err)
			}
			if got := l.refused()[before:]; len(got) == 0 || !strings.Contains(got[len(got)-1], "it is no SNMP message") {
				return errNone
			}
			return nil
		})
	}
}

// TestWhatTheSystemHadNoRoomForIsCounted: nobody reads while datagrams come, and the system says how many it let go.
func TestWhatTheSystemHadNoRoomForIsCounted(t *testing.T) {
	t.Parallel()
	held, release := make(chan struct{}, 1), make(chan struct{})
	var mu sync.Mutex
	var overflown uint64
	s := listeningTo(t)
	src := opened(t, s, source.Env{Dropped: func(n uint64, cause string) {
		if cause == "the system had no room for them: more come than are taken" {
			mu.Lock()
			defer mu.Unlock()
			overflown += n
			return
		}
		select {
		case held <- struct{}{}: // the reader stands still
			<-release
		default:
		}
	}})
	t.Cleanup(sync.OnceFunc(func() {
		select {
		case <-release:
		default:
			close(release)
		}
	}))
	if err := src.(*listener).socket.SetReadBuffer(2048); err != nil { // the least that the system gives
		t.Fatal(err)
	}
	c, err := net.Dial("udp", s.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	write := func() {
		t.Helper()
		if _, err := c.Write(make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() error {
		write()
		if len(held) == 0 {
			return errNone
		}
		return nil
	})
	for range 200 {
		write()
	}
	close(release)
	waitFor(t, func() error {
		write() // beside which it is told
		mu.Lock()
		defer mu.Unlock()
		if overflown < 100 {
			return errNone
		}
		return nil
	})
}

// trapOf is a trap of v2c that a link is down.
func trapOf(t *testing.T, of varbind) []byte {
	t.Helper()
	message, err := appendVarbinds(nil, varbind{sysUpTime, tagTimeTicks, []byte{1}}, varbind{snmpTrapOID, tagOID, oidContent(t, linkDown)}, of)
	if err != nil {
		t.Fatal(err)
	}
	pdu := appendTLV(nil, 0xa7, append([]byte{2, 1, 1, 2, 1, 0, 2, 1, 0}, message...))
	return appendTLV(nil, tagSequence, append(append([]byte{2, 1, 1, 4, 6}, "s3cret"...), pdu...))
}

func oidContent(t *testing.T, oid string) []byte {
	t.Helper()
	b, err := oidBytes(oid)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAnInformIsAnsweredOnceItIsInTheJournal, and taken once however often it is sent.
func TestAnInformIsAnsweredOnceItIsInTheJournal(t *testing.T) {
	t.Parallel()
	l := listen(t, listeningTo(t))
	sent := make(chan error, 1)
	go func() {
		sent <- trap(t, "-v2c", "-Ci", "-t", "1", "-r", "30", "-c", "s3cret", l.settings.Listen, "", linkDown, ifIndex+".7", "i", "7")
	}()
	b, err := l.Observe(t.Context())
	if err != nil || len(b.Readings) != 1 {
		t.Fatalf("%d readings, %v", len(b.Readings), err)
	}
	short, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	if again, err := l.Observe(short); err == nil {
		t.Errorf("it was taken again: %+v", again)
	}
	select {
	case err := <-sent:
		t.Errorf("it was answered before it was in the journal: %v", err)
	default:
	}
	if err := b.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestAnInformThatSaysSomethingElseIsAnotherOne though it has the number of one before: a device that started again begins anew, and some give
// all one number.
func TestAnInformThatSaysSomethingElseIsAnotherOne(t *testing.T) {
	t.Parallel()
	l := listen(t, listeningTo(t))
	socket, err := net.Dial("udp", l.settings.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for n := uint32(1); n <= 3; n++ {
		p := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "s3cret", PDUType: gosnmp.InformRequest, RequestID: 1, Variables: []gosnmp.SnmpPDU{
			{Name: "." + sysUpTime, Type: gosnmp.TimeTicks, Value: n},
			{Name: "." + snmpTrapOID, Type: gosnmp.ObjectIdentifier, Value: "." + linkDown},
			{Name: "." + ifIndex + ".7", Type: gosnmp.Integer, Value: int(n)},
		}}
		datagram, err := p.MarshalMsg()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second is the same one, sent again
			if _, err := socket.Write(datagram); err != nil {
				t.Fatal(err)
			}
		}
		if _, got := l.next(t); got["index"].Value.String() != strconv.Itoa(int(n)) {
			t.Errorf("inform %d: got %+v", n, got)
		}
	}
	if refused := l.refused(); len(refused) > 0 {
		t.Errorf("refused %q", refused)
	}
}

func TestSuiteOfListening(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		s := listeningTo(t)
		flood := func(t *testing.T, n int) {
			t.Helper()
			c, err := net.Dial("udp", s.Listen)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for i := 1; i <= n; i++ {
				if _, err := c.Write(trapOf(t, varbind{heard1 + ".0", tagOctets, []byte(sourcetest.Fat(i))})); err != nil {
					t.Fatal(err)
				}
			}
		}
		return sourcetest.Subject{Kind: Kind, Settings: s, Faults: sourcetest.Faults{Flood: flood}, Say: func(t *testing.T, n int) {
			t.Helper()
			waitFor(t, func() error { // until it listens
				c, err := net.ListenPacket("udp", s.Listen)
				if err != nil {
					return nil
				}
				c.Close()
				return errNone
			})
			if err := trap(t, "-v2c", "-c", "s3cret", s.Listen, "", linkDown, heard1+".0", "s", sourcetest.Body(n)); err != nil {
				t.Fatal(err)
			}
		}}
	})
}

// TestAnOldMessageSentAgainIsRefused, of an engine whose time is known.
func TestAnOldMessageSentAgainIsRefused(t *testing.T) {
	t.Parallel()
	l := listen(t, listeningTo(t))
	for _, c := range []struct {
		time  string
		taken bool
	}{{"5,1000", true}, {"5,900", true}, {"5,100", false}, {"4,2000", false}, {"5,1001", true}, {"6,1", true}, {"5,1002", false}} {
		before := len(l.refused())
		if err := trap(t, "-v3", "-u", "u1", "-l", "authNoPriv", "-a", "SHA", "-A", "password-a", "-e", "0x80001f888001020304", "-Z", c.time, l.settings.Listen, "", linkDown, ifIndex+".7", "i", "7"); err != nil {
			t.Fatal(err)
		}
		if c.taken {
			l.next(t)
			continue
		}
		waitFor(t, func() error {
			if got := l.refused(); len(got) == before || !strings.Contains(got[len(got)-1], "an old message sent again") {
				return errNone
			}
			return nil
		})
	}
}

// TestASenderThatHasAnotherTimeLearnsOurs, as after a restart of this node.
func TestASenderThatHasAnotherTimeLearnsOurs(t *testing.T) {
	t.Parallel()
	s := listeningTo(t)
	s.Engine = "80001f888001020304"
	l := listen(t, s)
	sent := make(chan error, 1)
	go func() {
		sent <- trap(t, "-v3", "-Ci", "-t", "60", "-u", "u256", "-l", "authPriv", "-a", "SHA-256", "-A", "password-a", "-x", "AES", "-X", "password-x", "-e", "0x"+s.Engine, "-Z", "1,1", s.Listen, "", linkDown, ifIndex+".7", "i", "7")
	}()
	if _, got := l.next(t); got["index"].Value.String() != "7" {
		t.Errorf("got %+v", got)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if refused := l.refused(); len(refused) > 0 {
		t.Errorf("refused %q", refused)
	}
}
