package modbus

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func raw(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// summed returns bytes with their checksum behind.
func summed(b ...byte) []byte { return binary.LittleEndian.AppendUint16(b, checksum(b)) }

func TestChecksumsAreThoseOfTheSpecification(t *testing.T) {
	for text, want := range map[string]string{
		"01 03 00 00 00 0a": "c5 cd", "02 07": "41 12", "11 03 06 ae 41 56 52 43 40": "49 ad", "11 03 00 6b 00 03": "76 87",
		hex.EncodeToString([]byte("123456789")): "37 4b",
	} {
		if got := binary.LittleEndian.AppendUint16(nil, checksum(raw(t, text))); !bytes.Equal(got, raw(t, want)) {
			t.Errorf("checksum of %s is %x, want %s", text, got, want)
		}
	}
}

// three asks for three holding registers from 107 on, as the specification does.
var three = request{holding, 107, 3}

func TestAnAnswerOverTCPIsThatOfItsTransaction(t *testing.T) {
	const good = "00 01 00 00 00 09 11 03 06 02 2b 00 00 00 64"
	for name, c := range map[string]struct {
		came, want string
		broken     error
	}{
		"the answer":                   {good, "03 06 02 2b 00 00 00 64", nil},
		"half of it":                   {good[:30], "", nil},
		"none":                         {"", "", nil},
		"a late one before it":         {"00 00 00 00 00 09 11 03 06 00 00 00 00 00 00 " + good, "03 06 02 2b 00 00 00 64", nil},
		"a late one alone":             {"ff ff 00 00 00 09 11 03 06 00 00 00 00 00 00", "", nil},
		"one of another unit first":    {"00 01 00 00 00 09 12 03 06 00 00 00 00 00 00 " + good, "03 06 02 2b 00 00 00 64", nil},
		"an exception":                 {"00 01 00 00 00 03 11 83 02", "83 02", nil},
		"one of another length":        {"00 01 00 00 00 07 11 03 04 02 2b 00 00", "", errForeign},
		"a length that lies":           {"00 01 00 00 00 09 11 03 08 02 2b 00 00 00 64", "", errForeign},
		"one of another function":      {"00 01 00 00 00 09 11 04 06 02 2b 00 00 00 64", "", errForeign},
		"an exception of another":      {"00 01 00 00 00 03 11 84 02", "", errForeign},
		"a function that nobody knows": {"00 01 00 00 00 02 11 03", "", errForeign},
		"another protocol":             {"00 01 00 01 00 09 11 03 06 02 2b 00 00 00 64", "", errFraming},
		"a length of nothing":          {"00 01 00 00 00 01 11 03", "", errFraming},
		"a length that none has":       {"00 01 00 00 00 ff 11 03 fc", "", errFraming},
		"text":                         {"48 54 54 50 2f 31 2e 31 20 34 30 30", "", errFraming},
	} {
		f := &mbap{}
		if got := f.frame(0x11, three.pdu()); !bytes.Equal(got, raw(t, "00 01 00 00 00 06 11 03 00 6b 00 03")) {
			t.Fatalf("the request is % x", got)
		}
		came := bytes.NewBuffer(raw(t, c.came))
		got, err := f.next(came, 0x11, three, true)
		if !bytes.Equal(got, raw(t, c.want)) || !errors.Is(err, c.broken) {
			t.Errorf("%s: got % x, %v, want %s, %v", name, got, err, c.want, c.broken)
		}
	}
	f := &mbap{anyUnit: true}
	f.frame(0x11, three.pdu())
	if got, err := f.next(bytes.NewBuffer(raw(t, "00 01 00 00 00 09 ff 03 06 02 2b 00 00 00 64")), 0x11, three, true); got == nil || err != nil {
		t.Errorf("an answer of another unit, where any counts: % x, %v", got, err)
	}
}

func TestAnAnswerOnALineIsFoundAmongWhatIsNone(t *testing.T) {
	good := string(summed(0x11, 3, 6, 2, 0x2b, 0, 0, 0, 0x64))
	foreign := string(summed(append([]byte{0x12, 3, 14}, good+"xxx"...)...))
	for name, c := range map[string]struct {
		came string
		want string
	}{
		"the answer":                      {good, good},
		"noise before it":                 {"\x00\xff\x11" + good, good},
		"noise that looks like a frame":   {"\x01\x03\xf0" + good, good},
		"a foreign frame before it":       {string(summed(0x12, 3, 2, 0, 1)) + good, good},
		"one in a foreign frame":          {foreign, ""},
		"a broken one before it":          {good[:4] + "\xff" + good[5:] + good, good},
		"a late one of another length":    {string(summed(0x11, 3, 2, 0, 1)) + good, good},
		"a late one of another function":  {string(summed(0x11, 4, 6, 0, 1, 0, 2, 0, 3)) + good, good},
		"its own question":                {string(summed(0x11, 3, 0, 107, 0, 3)) + good, good},
		"a question of another master":    {string(summed(0x12, 6, 0, 107, 0, 3)) + good, good},
		"an exception":                    {string(summed(0x11, 0x83, 2)), string(summed(0x11, 0x83, 2))},
		"an exception of another request": {string(summed(0x11, 0x84, 2)), ""},
		"one of another unit":             {string(summed(0x12, 3, 6, 2, 0x2b, 0, 0, 0, 0x64)), ""},
		"a wrong checksum":                {good[:len(good)-1] + "\x00", ""},
		"half of it":                      {good[:7], ""},
	} {
		f := &rtu{}
		if got := f.frame(0x11, three.pdu()); !bytes.Equal(got, raw(t, "11 03 00 6b 00 03 76 87")) {
			t.Fatalf("the request is % x", got)
		}
		want := []byte(nil)
		if c.want != "" {
			want = []byte(c.want)[1 : len(c.want)-2]
		}
		var came bytes.Buffer
		var got []byte
		for i := range len(c.came) { // a byte at a time
			came.WriteByte(c.came[i])
			if pdu, err := f.next(&came, 0x11, three, false); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if pdu != nil && got == nil {
				got = pdu
			}
		}
		if got == nil {
			got, _ = f.next(&came, 0x11, three, true)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got % x, want % x", name, got, want)
		}
	}
}

// TestAnAnswerOfNoOtherUnitIsTaken whichever it is: next to the one that was asked, one bit from it, below or above.
func TestAnAnswerOfNoOtherUnitIsTaken(t *testing.T) {
	for other := range 256 {
		line, tcp := &rtu{}, &mbap{}
		line.frame(0x11, three.pdu())
		tcp.frame(0x11, three.pdu())
		onLine := bytes.NewBuffer(summed(byte(other), 3, 6, 2, 0x2b, 0, 0, 0, 0x64))
		onTCP := bytes.NewBuffer([]byte{0, 1, 0, 0, 0, 9, byte(other), 3, 6, 2, 0x2b, 0, 0, 0, 0x64})
		if got, err := line.next(onLine, 0x11, three, true); err != nil || (got != nil) != (other == 0x11) {
			t.Errorf("on a line, of unit %d: % x, %v", other, got, err)
		}
		if got, err := tcp.next(onTCP, 0x11, three, true); err != nil || (got != nil) != (other == 0x11) {
			t.Errorf("over TCP, of unit %d: % x, %v", other, got, err)
		}
	}
}

// TestAnEchoIsNoAnswer though the question of so many coils looks like one.
func TestAnEchoIsNoAnswer(t *testing.T) {
	f, r := &rtu{}, request{coil, 0x0300, 24}
	came := bytes.NewBuffer(f.frame(1, r.pdu()))
	if got, err := f.next(came, 1, r, true); got != nil || err != nil {
		t.Errorf("the echo is taken for % x, %v", got, err)
	}
	came.Write(summed(1, 1, 3, 0xaa, 0xbb, 0xcc))
	if got, err := f.next(came, 1, r, true); !bytes.Equal(got, []byte{1, 3, 0xaa, 0xbb, 0xcc}) || err != nil {
		t.Errorf("the answer behind its echo: % x, %v", got, err)
	}
}

func TestHeartbeatsAreNoAnswers(t *testing.T) {
	beats := [][]byte{[]byte("862118052714567"), {0xfe, 0xfe}}
	good := "00 01 00 00 00 09 11 03 06 02 2b 00 00 00 64"
	f := &mbap{heartbeats: beats}
	f.frame(0x11, three.pdu())
	var came bytes.Buffer
	for _, b := range append([]byte("862118052714567\xfe\xfe862118052714567"), raw(t, good)...) {
		came.WriteByte(b)
		if got, err := f.next(&came, 0x11, three, false); err != nil || got != nil && came.Len() > 0 {
			t.Fatalf("got % x, %v", got, err)
		} else if got != nil {
			return
		}
	}
	t.Error("the answer behind the heartbeats is not found")
}

func TestWhatTellsLateAnswersIsOfNoOwedShape(t *testing.T) {
	for _, r := range []request{{holding, 100, 20}, {holding, 0, 1}, {input, 65535, 1}, {coil, 17, 1}, {discrete, 65000, 500}} {
		var o owed
		o = o.with(r)
		for i := range 120 {
			other := o.tellable(r)
			if other.n < 1 || int(other.at)+other.n > 65536 || len(other.pdu()) != 5 || other.table.size(other.n) > 250 {
				t.Fatalf("%v: no request: %v", r, other)
			}
			for _, s := range o {
				if s == shapeOf(other) {
					t.Fatalf("%v: after %d requests %v is owed already", r, i, other)
				}
			}
			o = o.with(other)
		}
		for range 500 { // in the end all are owed, and the oldest may be asked again
			if other := o.tellable(r); other.n < 1 || int(other.at)+other.n > 65536 {
				t.Fatalf("%v: no request: %v", r, other)
			} else if o = o.with(other); len(o) > 1000 {
				t.Fatal("what is owed grows for ever")
			}
		}
	}
	o := owed{}.with(request{holding, 100, 20})
	if got := o.tellable(request{holding, 100, 20}); got != (request{holding, 100, 1}) {
		t.Errorf("asked is %v, want what the unit surely has", got)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 9, 0x11, 3, 6, 2, 0x2b, 0, 0, 0, 0x64}, uint8(0x11), uint8(3))
	f.Add(summed(0x11, 3, 6, 2, 0x2b, 0, 0, 0, 0x64), uint8(0x11), uint8(3))
	f.Add([]byte("862118"), uint8(1), uint8(1))
	fuzztest.Run(f, func(t *testing.T, came []byte, unit, n uint8) {
		r := request{holding, 107, int(n%125) + 1}
		for _, with := range []framing{&mbap{heartbeats: [][]byte{{'8', '6'}}}, &rtu{heartbeats: [][]byte{{'8', '6'}}}} {
			with.frame(unit, r.pdu())
			buffer := bytes.NewBuffer(came)
			for range len(came) + 1 {
				before := buffer.Len()
				pdu, err := with.next(buffer, unit, r, true)
				if err != nil || pdu == nil {
					break
				}
				if data, err := r.data(pdu); err == nil && len(data) != 2*r.n || errors.Is(err, errForeign) {
					t.Fatalf("% x was taken for an answer to %v", pdu, r)
				}
				if buffer.Len() >= before {
					t.Fatal("an answer is found twice")
				}
			}
		}
	})
}
