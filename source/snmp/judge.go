package snmp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A judge says which messages are notifications of who may send them. The library takes any community and any engine, so nothing of a message
// reaches it before both were looked at.
type judge struct {
	community []byte // nil: v1 and v2c are not taken
	users     map[string]account
	from      []netip.Prefix
	engine    string // our own id
	boots     uint32
	started   time.Time
	lib       *gosnmp.GoSNMP
	clocks    map[string]engineClock
	unknown   uint32 // messages to another engine, which reports count
}

// An account is a user of v3 and what is known of them.
type account struct {
	flags   byte
	engines []string
}

// engineClock is the newest that an engine said of its time.
type engineClock struct {
	boots, seconds uint32
	at             time.Time
}

const (
	flagAuth, flagPriv, flagReport = 1, 2, 4

	timeWindow = 150 // seconds (RFC 3414)
	maxEngines = 1024
)

func newJudge(s Settings) (*judge, error) {
	j := &judge{users: map[string]account{}, started: time.Now(), clocks: map[string]engineClock{}, lib: &gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel}}
	j.boots = bootsBy(j.started)
	for _, from := range s.From {
		prefix, err := prefixOf(from)
		if err != nil {
			return nil, dodona.Permanent(fmt.Errorf("from: %w", err))
		}
		j.from = append(j.from, prefix)
	}
	j.engine = ownEngine(s)
	if !s.Community.IsZero() {
		text, err := s.Community.Reveal()
		if err != nil {
			return nil, fmt.Errorf("community: %w", err)
		}
		j.community = []byte(text)
	}
	table := gosnmp.NewSnmpV3SecurityParametersTable(gosnmp.Logger{})
	for i := range s.Users {
		u := &s.Users[i]
		usm, flags, err := u.parameters()
		if err == nil {
			err = table.Add(u.Name, usm)
		}
		if err != nil {
			return nil, fmt.Errorf("users[%d].%w", i, err)
		}
		of := account{flags: byte(flags)}
		for _, text := range u.Engines {
			engine, err := engineOf(text)
			if err != nil {
				return nil, dodona.Permanent(fmt.Errorf("users[%d].engines: %w", i, err))
			}
			of.engines = append(of.engines, engine)
		}
		j.users[u.Name] = of
	}
	j.lib.SetTrapSecurityParametersTable(table)
	return j, nil
}

// ownEngine returns our engine id: as the settings say, or one that stays the same on this machine.
func ownEngine(s Settings) string {
	if s.Engine != "" {
		engine, _ := engineOf(s.Engine) // Check has looked
		return engine
	}
	host, _ := os.Hostname()
	sum := sha256.Sum256([]byte("dodona\x00" + host + "\x00" + s.Listen))
	return "\x80\x00\x00\x00\x05" + string(sum[:12]) // RFC 3411: format 5, octets
}

// A verdict is a message that was taken. Without a reading, its answer says who we are.
type verdict struct {
	reading dodona.Reading
	request uint32
	answer  []byte // to send once the reading is in the journal
}

// judge takes a message, or says why not; then there may be an answer all the same.
func (j *judge) judge(datagram []byte, from netip.Addr, now time.Time) (v verdict, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = verdict{}, errBroken
		}
	}()
	if len(j.from) > 0 && !slices.ContainsFunc(j.from, func(p netip.Prefix) bool { return p.Contains(from) }) {
		// Fault (dropped): a notification comes from elsewhere.
		return v, errors.New("the address is not one of from")
	}
	m, err := parseMessage(datagram)
	if err != nil {
		// Fault (dropped): a datagram is no SNMP.
		return v, errors.New("it is no SNMP message")
	}
	switch m.version {
	case 0, 1:
		return j.judgeOld(datagram, m, from)
	case version3:
		return j.judgeV3(datagram, m, from, now)
	}
	return v, fmt.Errorf("it is of version %d of SNMP, which there is not", m.version)
}

// judgeOld judges a message of v1 or v2c.
func (j *judge) judgeOld(datagram []byte, m message, from netip.Addr) (v verdict, err error) {
	switch {
	case j.community == nil:
		return v, errors.New("v1 and v2c are taken with a community alone")
	case subtle.ConstantTimeCompare(m.community, j.community) != 1:
		// Fault (dropped): a notification has another community.
		return v, errors.New("it has another community")
	case !isNotification(m.pdu) || (m.version == 0) != (m.pdu == byte(gosnmp.Trap)):
		return v, errors.New("it is no notification")
	}
	p, err := j.lib.UnmarshalTrap(datagram, false)
	if err != nil {
		return v, errors.New("its notification cannot be read")
	}
	return take(p, from)
}

func isNotification(pdu byte) bool {
	return pdu == byte(gosnmp.Trap) || pdu == byte(gosnmp.SNMPv2Trap) || pdu == byte(gosnmp.InformRequest)
}

// judgeV3 judges a message of v3. The engine that is in charge is the sender's of a trap and ours of an inform.
func (j *judge) judgeV3(datagram []byte, m message, from netip.Addr, now time.Time) (v verdict, err error) {
	if (m.engine == "" || len(m.engine) < 5) && m.flags&flagReport != 0 {
		j.unknown++
		v.answer, err = j.report(datagram, ".1.3.6.1.6.3.15.1.1.4.0", j.unknown, nil)
		return v, errors.Join(errors.New("it asks for our engine id"), err)
	}
	of, known := j.users[m.user]
	level := m.flags & (flagAuth | flagPriv)
	switch {
	case !known:
		return v, fmt.Errorf("nobody here is user %s", plain.Quote(m.user, 32))
	case level != of.flags:
		return v, fmt.Errorf("user %s must send as users says, signed and encrypted or not", plain.Quote(m.user, 32))
	case m.engine != j.engine && len(of.engines) > 0 && !slices.Contains(of.engines, m.engine):
		// Fault (dropped): a notification is of another engine.
		return v, fmt.Errorf("engine %s is none of user %s", hex.EncodeToString([]byte(m.engine)), plain.Quote(m.user, 32))
	}
	p, err := j.lib.UnmarshalTrap(datagram, false)
	if err != nil {
		return v, fmt.Errorf("user %s did not sign it so, or it cannot be read: check auth, auth_password, priv and priv_password", plain.Quote(m.user, 32))
	}
	usm, is := p.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	if !is || !isNotification(byte(p.PDUType)) || p.PDUType == gosnmp.Trap {
		return v, errors.New("it is no notification")
	}
	if p.PDUType == gosnmp.SNMPv2Trap {
		if of.flags&flagAuth != 0 && !j.inTime(m.engine, usm, now) {
			// Fault (dropped): a notification is sent again later.
			return v, errors.New("it is older than what its engine said last: an old message sent again")
		}
		return take(p, from)
	}
	if m.engine != j.engine {
		return v, errors.New("it is an inform to another engine")
	}
	if seconds := j.seconds(); of.flags&flagAuth != 0 && (usm.AuthoritativeEngineBoots != j.boots || apartBy(usm.AuthoritativeEngineTime, seconds) > timeWindow) {
		v.answer, err = j.report(datagram, ".1.3.6.1.6.3.15.1.1.2.0", 1, usm)
		return v, errors.Join(errors.New("its sender does not know our time"), err)
	}
	if v, err = take(p, from); err != nil {
		return v, err
	}
	v.answer, err = j.respond(p, usm)
	return v, err
}

func apartBy(a, b uint32) uint32 { return max(a, b) - min(a, b) }

// seconds is our engine's time.
func (j *judge) seconds() uint32 { return uint32(time.Since(j.started) / time.Second) }

// inTime reports whether an authentic message is no older than what its engine said before, and takes its time in.
func (j *judge) inTime(engine string, usm *gosnmp.UsmSecurityParameters, now time.Time) bool {
	boots, seconds := usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime
	last, known := j.clocks[engine]
	if known && (boots < last.boots || boots == last.boots && seconds+timeWindow < last.seconds) {
		return false
	}
	if !known && len(j.clocks) >= maxEngines {
		oldest := ""
		for other, c := range j.clocks {
			if oldest == "" || c.at.Before(j.clocks[oldest].at) {
				oldest = other
			}
		}
		delete(j.clocks, oldest)
	}
	if !known || boots > last.boots || seconds > last.seconds {
		j.clocks[engine] = engineClock{boots, seconds, now}
	}
	return true
}

// report makes a report to the sender of a message: of whom we are, or, to a user, of our time.
func (j *judge) report(datagram []byte, oid string, count uint32, user *gosnmp.UsmSecurityParameters) ([]byte, error) {
	id, err := messageID(datagram)
	if err != nil {
		return nil, err
	}
	usm, flags := &gosnmp.UsmSecurityParameters{}, gosnmp.NoAuthNoPriv
	if user != nil {
		usm, flags = user, gosnmp.AuthNoPriv
	}
	usm.AuthoritativeEngineID, usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = j.engine, j.boots, j.seconds()
	p := &gosnmp.SnmpPacket{
		Version: gosnmp.Version3, MsgFlags: flags, SecurityModel: gosnmp.UserSecurityModel, SecurityParameters: usm,
		ContextEngineID: j.engine, PDUType: gosnmp.Report, MsgID: id,
		Variables: []gosnmp.SnmpPDU{{Name: oid, Type: gosnmp.Counter32, Value: count}},
	}
	return p.MarshalMsg()
}

// messageID returns the id of a message of v3.
func messageID(datagram []byte) (uint32, error) {
	whole, _, err := cut(datagram, tagSequence)
	if err != nil {
		return 0, err
	}
	if _, whole, err = cut(whole, tagInteger); err != nil {
		return 0, err
	}
	head, _, err := cut(whole, tagSequence)
	if err != nil {
		return 0, err
	}
	value, _, err := cut(head, tagInteger)
	if err != nil {
		return 0, err
	}
	n, err := signed(value)
	return uint32(n), err
}

// respond makes the answer to an inform.
func (j *judge) respond(p *gosnmp.SnmpPacket, usm *gosnmp.UsmSecurityParameters) ([]byte, error) {
	usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = j.boots, j.seconds()
	if p.MsgFlags&gosnmp.AuthPriv == gosnmp.AuthPriv { // a salt is used once
		usm.PrivacyParameters = make([]byte, 8)
		if _, err := rand.Read(usm.PrivacyParameters); err != nil {
			return nil, err
		}
	}
	p.MsgFlags &= gosnmp.AuthPriv // an answer is not to be answered
	return response(p)
}

func response(p *gosnmp.SnmpPacket) ([]byte, error) {
	p.PDUType, p.Error, p.ErrorIndex = gosnmp.GetResponse, gosnmp.NoError, 0
	return p.MarshalMsg()
}

// The variables that say what a notification is (RFC 3418, RFC 3584).
const (
	snmpTrapOID        = "1.3.6.1.6.3.1.1.4.1.0"
	snmpTrapEnterprise = "1.3.6.1.6.3.1.1.4.3.0"
	snmpTrapAddress    = "1.3.6.1.6.3.18.1.3.0"
	snmpTraps          = "1.3.6.1.6.3.1.1.5"
)

// take makes a reading of a notification.
func take(p *gosnmp.SnmpPacket, from netip.Addr) (v verdict, err error) {
	var all []varbind
	if p.PDUType == gosnmp.Trap {
		if all, err = ofV1(p); err != nil {
			return v, err
		}
	}
	unread := 0
	for _, pdu := range p.Variables {
		one, err := varbindOf(pdu)
		if err != nil {
			unread++
			continue
		}
		all = append(all, one)
	}
	of := ""
	for _, one := range all {
		if one.name == snmpTrapOID && one.tag == tagOID {
			of, _ = oidOf(one.value) // empty if it is none
		}
	}
	if of == "" {
		return v, errors.New("it does not say what it is a notification of (snmpTrapOID)")
	}
	if v.reading.Body, err = appendVarbinds(nil, all...); err != nil {
		return v, errors.New("its variables have no proper names")
	}
	what := map[gosnmp.PDUType]string{gosnmp.Trap: "trap", gosnmp.SNMPv2Trap: "trap", gosnmp.InformRequest: "inform"}[p.PDUType]
	v.reading.Item, v.reading.ContentType = from.String()+"/"+of, "application/octet-stream"
	v.reading.Detail = fmt.Sprintf("%s v%s from %s, %s", what, p.Version, from, unit.Count(len(all), "variable"))
	if unread > 0 {
		v.reading.Quality, v.reading.Detail = dodona.Uncertain, fmt.Sprintf("%s, %d more of no known type", v.reading.Detail, unread)
	}
	v.request = p.RequestID
	if p.PDUType == gosnmp.InformRequest && p.Version != gosnmp.Version3 {
		v.answer, err = response(p)
	}
	return v, err
}

// ofV1 returns the variables that a trap of v1 has in v2 (RFC 3584 §3.1).
func ofV1(p *gosnmp.SnmpPacket) ([]varbind, error) {
	enterprise, err := parseOID(p.Enterprise)
	if err != nil {
		return nil, errors.New("its enterprise is no OID")
	}
	of := fmt.Sprintf("%s.0.%d", enterprise, uint32(p.SpecificTrap))
	if p.GenericTrap >= 0 && p.GenericTrap < 6 {
		of = fmt.Sprintf("%s.%d", snmpTraps, p.GenericTrap+1)
	}
	trap, err := oidBytes(of)
	if err != nil {
		return nil, errors.New("its enterprise is no OID")
	}
	root, _ := oidBytes(enterprise) // parsed above
	all := []varbind{
		{sysUpTime, tagTimeTicks, appendUnsigned(nil, uint64(p.Timestamp))},
		{snmpTrapOID, tagOID, trap},
		{snmpTrapEnterprise, tagOID, root},
	}
	if ip := net.ParseIP(p.AgentAddress).To4(); ip != nil {
		all = append(all, varbind{snmpTrapAddress, tagIPAddress, ip})
	}
	return all, nil
}
