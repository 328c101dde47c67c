package evm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
)

// A decoder bounds what comes of an answer: zeros can say that they are very many.
type abiDecoder struct{ left int }

const maxValues = 10_000

var errShort = errors.New("it is too short")

// decode returns what stands at the head of data, and behind it, as JSON holds it: whole numbers as texts.
func (d *abiDecoder) list(list []typ, data []byte) (values []any, err error) {
	at := 0
	for i, t := range list {
		value, err := d.member(t, data, at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(t, i), err)
		}
		values = append(values, value)
		at += t.head()
	}
	return values, nil
}

// nameOf returns the name of a parameter, or its place from 0.
func nameOf(t typ, i int) string {
	if t.name != "" {
		return t.name
	}
	return strconv.Itoa(i)
}

// member decodes what stands at a place of data, or where that leads within data.
func (d *abiDecoder) member(t typ, data []byte, at int) (any, error) {
	if d.left--; d.left < 0 {
		return nil, fmt.Errorf("more than %d values", maxValues)
	}
	if at+t.head() > len(data) {
		return nil, errShort
	}
	if !t.dynamic() {
		return d.value(t, data[at:])
	}
	offset, err := count(data[at:], len(data))
	if err != nil {
		return nil, err
	}
	return d.value(t, data[offset:])
}

// count reads a word that says where or how many, at most so many.
func count(data []byte, most int) (int, error) {
	if len(data) < word {
		return 0, errShort
	}
	n := new(big.Int).SetBytes(data[:word])
	if !n.IsUint64() || n.Uint64() > uint64(most) {
		return 0, errShort
	}
	return int(n.Uint64()), nil
}

func (d *abiDecoder) value(t typ, data []byte) (any, error) {
	switch t.kind {
	case dynamicBytes, text:
		n, err := count(data, len(data))
		if err != nil {
			return nil, err
		}
		if data = data[word:]; n > len(data) {
			return nil, errShort
		}
		if t.kind == text && utf8.Valid(data[:n]) {
			return string(data[:n]), nil
		}
		return "0x" + hex.EncodeToString(data[:n]), nil
	case array:
		n := t.size
		if n < 0 {
			var err error
			if n, err = count(data, maxValues); err != nil {
				return nil, err
			}
			data = data[word:]
		}
		return d.elements(t.of[0], n, data)
	case tuple:
		values, err := d.list(t.of, data)
		if err != nil {
			return nil, err
		}
		return named(t.of, values), nil
	}
	if len(data) < word {
		return nil, errShort
	}
	return scalar(t, data[:word])
}

func (d *abiDecoder) elements(t typ, n int, data []byte) (any, error) {
	values := []any{}
	for i := range n {
		value, err := d.member(t, data, i*t.head())
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		values = append(values, value)
	}
	return values, nil
}

// named returns values by their names.
func named(list []typ, values []any) map[string]any {
	out := make(map[string]any, len(list))
	for i, t := range list {
		out[nameOf(t, i)] = values[i]
	}
	return out
}

// scalar decodes one word, and takes no other than the one encoding of a value.
func scalar(t typ, w []byte) (any, error) {
	n := new(big.Int).SetBytes(w)
	switch t.kind {
	case unsigned:
		if n.BitLen() > t.bits {
			return nil, fmt.Errorf("it is no %s", t.canonical())
		}
		return n.String(), nil
	case signed:
		if w[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		limit := new(big.Int).Lsh(big.NewInt(1), uint(t.bits-1))
		if n.Cmp(limit) >= 0 || n.Cmp(new(big.Int).Neg(limit)) < 0 {
			return nil, fmt.Errorf("it is no %s", t.canonical())
		}
		return n.String(), nil
	case boolean:
		if !n.IsUint64() || n.Uint64() > 1 {
			return nil, errors.New("it is no bool")
		}
		return n.Uint64() == 1, nil
	case address:
		if n.BitLen() > 160 {
			return nil, errors.New("it is no address")
		}
		return "0x" + hex.EncodeToString(w[12:]), nil
	}
	for _, b := range w[t.bits:] {
		if b != 0 {
			return nil, fmt.Errorf("it is no %s", t.canonical())
		}
	}
	return "0x" + hex.EncodeToString(w[:t.bits]), nil
}

// decode returns the outputs of a view by their names.
func (v view) decode(data []byte) (map[string]any, error) {
	d := abiDecoder{left: maxValues}
	values, err := d.list(v.outputs, data)
	if err != nil {
		return nil, err
	}
	return named(v.outputs, values), nil
}

// encode returns the calldata of a view with arguments, each a text.
func (v view) encode(args []string) ([]byte, error) {
	if len(args) != len(v.inputs) {
		return nil, fmt.Errorf("%d, and %s wants %d", len(args), v.signature(), len(v.inputs))
	}
	digest := dodona.Keccak256([]byte(v.signature()))
	data, tail := append([]byte(nil), digest[:4]...), []byte(nil)
	for i, t := range v.inputs {
		head, behind, err := t.encode(args[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(t, i), err)
		}
		if t.dynamic() {
			head = big.NewInt(int64(len(v.inputs)*word + len(tail))).FillBytes(make([]byte, word))
		}
		data, tail = append(data, head...), append(tail, behind...)
	}
	return append(data, tail...), nil
}

// encode returns the word of a value, or what stands behind the words.
func (t typ) encode(arg string) (head, behind []byte, err error) {
	w := make([]byte, word)
	switch t.kind {
	case unsigned, signed:
		n, ok := new(big.Int).SetString(arg, 10)
		if !ok {
			return nil, nil, fmt.Errorf("%.80q is no whole number", arg)
		}
		least, limit := new(big.Int), new(big.Int).Lsh(big.NewInt(1), uint(t.bits))
		if t.kind == signed {
			limit.Rsh(limit, 1)
			least.Neg(limit)
		}
		if n.Cmp(limit) >= 0 || n.Cmp(least) < 0 {
			return nil, nil, fmt.Errorf("%.80q is no %s", arg, t.canonical())
		}
		if n.Sign() < 0 {
			n.Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		return n.FillBytes(w), nil, nil
	case boolean:
		if arg != "true" && arg != "false" {
			return nil, nil, fmt.Errorf("%.40q: want true or false", arg)
		}
		if arg == "true" {
			w[word-1] = 1
		}
		return w, nil, nil
	case text:
		return nil, padded([]byte(arg)), nil
	case address, fixedBytes, dynamicBytes:
		raw, err := hex.DecodeString(strings.TrimPrefix(arg, "0x"))
		size := map[kind]int{address: 20, fixedBytes: t.bits, dynamicBytes: len(raw)}[t.kind]
		if err != nil || !strings.HasPrefix(arg, "0x") || len(raw) != size {
			return nil, nil, fmt.Errorf("%.80q is no %s: want 0x and hex digits", arg, t.canonical())
		}
		switch t.kind {
		case address:
			copy(w[12:], raw)
		case dynamicBytes:
			return nil, padded(raw), nil
		default:
			copy(w, raw)
		}
		return w, nil, nil
	}
	return nil, nil, fmt.Errorf("arguments of type %s cannot be given", t.canonical())
}

// padded returns a length and bytes, filled up to whole words.
func padded(raw []byte) []byte {
	out := big.NewInt(int64(len(raw))).FillBytes(make([]byte, word))
	out = append(out, raw...)
	return append(out, make([]byte, (word-len(raw)%word)%word)...)
}
