package s7

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/source"
)

// reply is a telegram that answers a question.
func reply(number uint16, parameters, data []byte) []byte {
	head := []byte{protocol, ackData, 0, 0, byte(number >> 8), byte(number), 0, byte(len(parameters)), byte(len(data) >> 8), byte(len(data)), 0, 0}
	return append(append(head, parameters...), data...)
}

func item(bytes ...byte) []byte {
	return append([]byte{noError, 4, byte(len(bytes) * 8 >> 8), byte(len(bytes) * 8)}, bytes...)
}

func TestAnswersThatAreNoneAreRefused(t *testing.T) {
	blocks := []block{{areaDB, 1, 0, 3}, {areaM, 0, 10, 2}}
	good := append(append(item(1, 2, 3), 0), item(4, 5)...)
	parts, err := readAnswer(reply(7, []byte{read, 2}, good), 7, blocks)
	if err != nil || !bytes.Equal(parts[0].bytes, []byte{1, 2, 3}) || !bytes.Equal(parts[1].bytes, []byte{4, 5}) {
		t.Fatalf("got %v, %v", parts, err)
	}
	refused := append([]byte{0x0a, 0, 0, 0}, item(4, 5)...)
	if parts, err = readAnswer(reply(7, []byte{read, 2}, refused), 7, blocks); err != nil || parts[0].code != 0x0a || !bytes.Equal(parts[1].bytes, []byte{4, 5}) {
		t.Errorf("one refused: %v, %v", parts, err)
	}
	change := func(at int, b byte) []byte {
		t := reply(7, []byte{read, 2}, bytes.Clone(good))
		t[at] = b
		return t
	}
	for why, telegram := range map[string][]byte{
		"a late answer":      reply(6, []byte{read, 2}, good),
		"another function":   reply(7, []byte{5, 2}, good),
		"items, and 2 were":  reply(7, []byte{read, 1}, good),
		"and 3 were asked":   reply(7, []byte{read, 2}, append(item(1, 2), item(4, 5)...)),
		"M/10-11 is cut off": reply(7, []byte{read, 2}, good[:len(good)-1]),
		"has no head":        reply(7, []byte{read, 2}, append(item(1, 2, 3), 0)),
		"bytes more than":    reply(7, []byte{read, 2}, append(bytes.Clone(good), 0)),
		"protocol 0x31":      change(0, 0x31),
		"kind 1":             change(1, job),
		"that say they are":  change(9, 200),
		"bytes that say":     append(reply(7, []byte{read, 2}, good), 0), // behind the answer
		"a telegram of":      good[:5],
		"permit access":      change(10, 0x85),
	} {
		if parts, err := readAnswer(telegram, 7, blocks); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, %v", why, parts, err)
		}
	}
	for pdu, want := range map[uint16]bool{0: false, 10: false, 18: false, 63: false, 64: true, 240: true, 480: true, 960: true, 961: false, 65535: false} {
		got, err := setupAnswer(reply(1, append([]byte{setup, 0, 0, 1, 0, 1}, byte(pdu>>8), byte(pdu)), nil), 1)
		if (err == nil) != want || want && got != int(pdu) {
			t.Errorf("telegrams of %d bytes: %d, %v", pdu, got, err)
		}
	}
}

func TestPacketsArePutTogether(t *testing.T) {
	first := frame([]byte{2, 0xf0, 0}, []byte("he"))
	if got, err := readData(bytes.NewReader(append(first, frame(dataUnit, []byte("llo"))...))); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"0400000702f080", "0300000602f0", "0300000709f080", "0300000702d080", "0300000702f000", "03001fff02f080"} {
		b, _ := hex.DecodeString(bad)
		if got, err := readData(bytes.NewReader(b)); !errors.Is(err, errFrame) {
			t.Errorf("%s: got %x, %v", bad, got, err)
		}
	}
	if _, err := readData(bytes.NewReader(first[:6])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a packet: %v", err)
	}
}

// A script is a controller that answers the n-th read of all connections as it is told.
func script(t *testing.T, answers func(n int, number uint16, ask []byte) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for n := 0; ; {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			for {
				head, body, err := readFrame(conn)
				if err != nil {
					break
				}
				var said []byte
				switch {
				case head[0] == 0xe0:
					said = frame([]byte{6, 0xd0, 0, 1, 0, 1, 0}, nil)
				case body[10] == setup:
					said = frame(dataUnit, reply(binary.BigEndian.Uint16(body[4:]), []byte{setup, 0, 0, 1, 0, 1, 0, 240}, nil))
				default:
					n++
					said = frame(dataUnit, answers(n, binary.BigEndian.Uint16(body[4:]), body))
				}
				if _, err := conn.Write(said); err != nil {
					break
				}
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestAnAnswerToTheQuestionBeforeIsNeverAValue although it has the same form and size.
func TestAnAnswerToTheQuestionBeforeIsNeverAValue(t *testing.T) {
	stale := func(n int, number uint16) uint16 {
		if n%3 == 0 {
			return number - 1
		}
		return number
	}
	s := Kind.Settings().(*Settings)
	s.Address = script(t, func(n int, number uint16, _ []byte) []byte {
		return reply(stale(n, number), []byte{read, 1}, item(0, byte(n)))
	})
	s.Registers = map[string]Register{"w": {At: "DB1.DBW0"}}
	opened, err := Kind.Open(t.Context(), s, source.Env{Source: "mixer", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := 1; n <= 9; n++ {
		b, err := opened.Observe(ctx)
		switch {
		case n%3 == 0 && (err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "late answer")):
			t.Errorf("a stale answer gave %v, %v", b, err)
		case n%3 != 0 && (err != nil || b.Readings[0].Body[1] != byte(n)):
			t.Errorf("answer %d gave %v, %v", n, b, err)
		}
	}
}

// TestAControllerThatIsSilentIsLeft, also one that sends a byte now and then.
func TestAControllerThatIsSilentIsLeft(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]byte{"nothing": nil, "a byte now and then": {3, 0, 0, 40, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			t.Cleanup(func() { _ = l.Close(); <-done })
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					for _, b := range answer {
						if _, err := conn.Write([]byte{b}); err != nil {
							break
						}
						time.Sleep(300 * time.Millisecond)
					}
					_, _ = io.Copy(io.Discard, conn) // until it is left
					_ = conn.Close()
				}
			}()
			s := Kind.Settings().(*Settings)
			s.Address, s.Timeout, s.Registers = l.Addr().String(), time.Second, map[string]Register{"w": {At: "DB1.DBW0"}}
			opened, err := Kind.Open(t.Context(), s, source.Env{Source: "mixer", Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			if _, err := opened.Observe(t.Context()); err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "no answer in 1s") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRegistersAreReadInS7sNotation(t *testing.T) {
	for at, want := range map[string]Rule{
		"DB1.DBX4.3":       {Area: areaDB, DB: 1, At: 4, Bit: 3, Type: "bool"},
		"db65535.dbb65535": {Area: areaDB, DB: 65535, At: 65535, Type: "byte"},
		"DB1.DBW2":         {Area: areaDB, DB: 1, At: 2, Type: "word"},
		"DB1.DBD4":         {Area: areaDB, DB: 1, At: 4, Type: "dword"},
		"%DB1.DBD4":        {Area: areaDB, DB: 1, At: 4, Type: "dword"},
		"% mw10":           {Area: areaM, At: 10, Type: "word"},
		"DB1.DBL8":         {Area: areaDB, DB: 1, At: 8, Type: "lword"},
		"M 10.0":           {Area: areaM, At: 10, Type: "bool"},
		"MX10.7":           {Area: areaM, At: 10, Bit: 7, Type: "bool"},
		"EB0":              {Area: areaI, Type: "byte"},
		"AW2":              {Area: areaQ, At: 2, Type: "word"},
	} {
		if got, err := (Register{At: at}).rule(); err != nil || got.block() != want.block() || got.Bit != want.Bit || got.Type != want.Type {
			t.Errorf("%s: got %+v, %v", at, got, err)
		}
	}
	for want, r := range map[string]Register{
		"at: missing":                {Type: "int"},
		`at: "DB1.DBX4"`:             {At: "DB1.DBX4"},
		`at: "DB1.DBW4.3"`:           {At: "DB1.DBW4.3"},
		`at: "40001"`:                {At: "40001"},
		"db: 0":                      {At: "DB0.DBB0"},
		"db: 65536":                  {At: "DB65536.DBB0"},
		"offset_byte: 65535":         {At: "MW65535"},
		"bit: 8":                     {At: "M0.8"},
		"type: real has 4 bytes":     {At: "DB1.DBW4", Type: "real"},
		"type: int: DB1.DBX0.0":      {At: "DB1.DBX0.0", Type: "int"},
		`type: "float": want one of`: {At: "DB1.DBD4", Type: "float"},
		"length: 0":                  {Area: areaDB, DB: 1, Type: "string"},
		"length: goes with":          {At: "DB1.DBW4", Length: 3},
		"bit: goes with bool":        {Area: areaM, Type: "int", Bit: 2},
		"at: it says area":           {At: "M0.0", DB: 1},
		"db: 3: area m":              {Area: areaM, DB: 3, Type: "int"},
		"type: missing":              {DB: 3},
	} {
		if got, err := r.rule(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %+v, %v, want %s", r, got, err, want)
		}
	}
}

// TestRulesSayWhatTheyMeanAndNoMore so that equal registers have equal rules, and none loses what its own type needs.
func TestRulesSayWhatTheyMeanAndNoMore(t *testing.T) {
	bits := func(low, high uint8) registers.Bits { return registers.BitsOf(low, high) }
	for want, same := range map[string][]Register{
		`{"area":"db","db":1,"at":4,"type":"real","unit":"Cel"}`:      {{At: "DB1.DBD4", Type: "real", Unit: "Cel"}, {DB: 1, Offset: 4, Type: "real", Unit: "Cel"}},
		`{"area":"m","at":0,"type":"dword","format":{"bits":"0-15"}}`: {{At: "MD0", Bits: bits(0, 15)}},
		`{"area":"m","at":0,"type":"word"}`:                           {{At: "MW0", Bits: bits(0, 15)}, {At: "MW0"}},
		`{"area":"i","at":0,"bit":3,"type":"bool"}`:                   {{At: "E0.3"}, {At: "I0.3"}},
	} {
		for _, r := range same {
			rule, err := r.rule()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(rule); err != nil || string(got) != want {
				t.Errorf("%+v: got %s, %v, want %s", r, got, err, want)
			}
		}
	}
	low, _ := (Register{At: "MD0", Bits: bits(0, 15)}).rule()
	if got, err := low.decode([]byte{1, 2, 3, 4}); err != nil || got.String() != "772" {
		t.Errorf("the low bits of a double word: %s, %v", got, err)
	}
}

func TestBytesThatMeanNothingAreBadWithAReason(t *testing.T) {
	for _, c := range []struct {
		rule Rule
		raw  string
		want string
	}{
		{Rule{Type: "string", Length: 4}, "0504414243440", "length says 4"},
		{Rule{Type: "string", Length: 4}, "040541424344", "it has 5 characters"},
		{Rule{Type: "s5time"}, "0a00", "no decimal digits"},
		{Rule{Type: "s5time"}, "c000", "no S5TIME"},
		{Rule{Type: "date_and_time"}, "26133012305912 31", "is no time"},
		{Rule{Type: "date_and_time"}, "2611301230591a 31", "no decimal digits"},
		{Rule{Type: "dtl"}, "07ea0b1f020c1e3b00000000", "is no time"},
		{Rule{Type: "dtl"}, "07ea0b1e020c1e3bffffffff", "more than a second"},
		{Rule{Type: "real"}, "7fc00000", ""},
		{Rule{Type: "bcd16"}, "12a4", ""},
		{Rule{Type: "int"}, "00", "1 bytes, want 2"},
	} {
		raw, _ := hex.DecodeString(strings.ReplaceAll(c.raw, " ", "")[:len(strings.ReplaceAll(c.raw, " ", ""))/2*2])
		if got, err := c.rule.decode(raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s: got %v, %v, want %s", c.rule.Type, c.raw, got, err, c.want)
		}
	}
}

func TestBlocksFitEveryControllersTelegrams(t *testing.T) {
	var wanted []block
	for i := range 3000 {
		wanted = append(wanted, block{areaDB, 1 + i%3, i * 7 % 5000, 1 + i%8})
	}
	wanted = append(wanted, block{areaM, 0, 0, 256})
	blocks := plan(wanted, 16)
	for _, w := range wanted {
		found := false
		for _, b := range blocks {
			found = found || b.has(w)
		}
		if !found {
			t.Fatalf("%s is in no block", w.item())
		}
	}
	for _, pdu := range []int{smallest, leastPDU, 480, wantedPDU} {
		var pieces []block
		for _, b := range blocks {
			if back, ok := blockOf(b.item()); !ok || back != b {
				t.Fatalf("%s comes back as %+v", b.item(), back)
			}
			pieces = append(pieces, b.parts(pdu-readHead)...)
		}
		total := 0
		for _, group := range telegrams(pieces, pdu) {
			ask, answers := len(readRequest(1, group)), answerHead
			for _, b := range group {
				answers += 4 + b.n + b.n%2
				total += b.n
			}
			if len(group) == 0 || len(group) > maxItems || ask > max(pdu, askHead-2+2+itemSize) || len(group) > 1 && answers > pdu || answers-1 > pdu {
				t.Errorf("with %d bytes: %d items, %d asked, %d answered", pdu, len(group), ask, answers)
			}
		}
		want := 0
		for _, b := range blocks {
			want += b.n
		}
		if total != want {
			t.Errorf("with %d bytes %d are read, want %d", pdu, total, want)
		}
	}
}

// FuzzAnswers are read without a panic, and what they bring has the size that was asked for.
func FuzzAnswers(f *testing.F) {
	f.Add(frame(dataUnit, reply(7, []byte{read, 2}, append(append(item(1, 2, 3), 0), item(4, 5)...))))
	f.Add(frame(dataUnit, reply(7, []byte{read, 2}, append([]byte{0x0a, 0, 0, 0}, item(4, 5)...))))
	f.Add(frame(dataUnit, reply(7, []byte{setup, 0, 0, 1, 0, 1, 0, 240}, nil)))
	blocks := []block{{areaDB, 1, 0, 3}, {areaM, 0, 10, 2}}
	fuzztest.Run(f, func(t *testing.T, packet []byte) {
		telegram, err := readData(bytes.NewReader(packet))
		if err != nil {
			return
		}
		if pdu, err := setupAnswer(telegram, 7); err == nil && (pdu < smallest || pdu > wantedPDU) {
			t.Errorf("telegrams of %d bytes", pdu)
		}
		parts, err := readAnswer(telegram, 7, blocks)
		if err != nil {
			return
		}
		for i, p := range parts {
			if (p.code == 0) != (len(p.bytes) == blocks[i].n) {
				t.Errorf("%s: %+v", blocks[i].item(), p)
			}
		}
	})
}

// FuzzValues are decoded without a panic, whatever the bytes.
func FuzzValues(f *testing.F) {
	f.Add([]byte{10, 3, '1', '.', '5'}, uint8(0), uint8(3))
	fuzztest.Run(f, func(t *testing.T, raw []byte, kind, length uint8) {
		words := Type("").Words()
		r := Rule{Area: areaM, Type: Type(words[int(kind)%len(words)])}
		if r.Type == "string" || r.Type == "char" {
			r.Length = int(length)
		}
		if r.check() != nil {
			return
		}
		_, _ = r.decode(raw)
		if n := r.size(); len(raw) >= n {
			_, _ = r.decode(raw[:n])
		}
	})
}
