// Package registertest is a kind of source for tests that owns its wire format: a frame of big-endian 16-bit registers, which a
// device writes to whoever connects.
package registertest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "registers".
var Kind = source.Decoding(source.NewPolled("registers", open), Settings.rules, decoder)

// Settings say where the device is and what its registers mean.
type Settings struct {
	// Address of the device, host:port. Required.
	Address string `yaml:"address"`
	// Password is sent to the device. Default: none.
	Password secret.String `yaml:"password,omitempty"`
	// Registers are the points, by name. Default: none.
	Registers tags.Map[Register] `yaml:"registers"`
}

// A Register is where a point stands in the frame.
type Register struct {
	// At is the register, from 0. Default: 0.
	At int `yaml:"at" json:"at"`
	// Decimals of the point. Default: 0.
	Decimals int `yaml:"decimals,omitempty" json:"decimals,omitempty"`
	// Unit of the point. Default: none.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
}

const maxRegister = 124

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	if s.Address == "" {
		return errors.New("address: want host:port")
	}
	return nil
}

func (s Settings) rules() map[string]Register { return s.Registers }

type device struct {
	settings Settings
	env      source.Env
}

func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	return device{s, env}, nil
}

func (d device) Close() error { return nil }

// Observe reads one frame.
func (d device) Observe(ctx context.Context) (b dodona.Batch, err error) {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", d.settings.Address)
	if err != nil {
		return b, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return b, err
	}
	frame, err := io.ReadAll(io.LimitReader(connection, 2*(maxRegister+1)))
	b.Readings = []dodona.Reading{{Source: d.env.Source, ContentType: "application/octet-stream", Received: d.env.Now(), Detail: "registers", Body: frame}}
	return b, err
}

type frames map[string]Register

func decoder(registers map[string]Register) (dodona.Transform, error) {
	for _, point := range slices.Sorted(maps.Keys(registers)) {
		if at := registers[point].At; at < 0 || at > maxRegister {
			return nil, fmt.Errorf("registers.%s.at: %d: want 0 to %d", point, at, maxRegister)
		}
	}
	return frames(registers), nil
}

// Apply returns the points of the newest frame.
func (f frames) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	if len(c.Readings) == 0 {
		return r, nil
	}
	frame := c.Readings[len(c.Readings)-1]
	for point, register := range f {
		p := dodona.Point{ID: point, Unit: register.Unit, Time: frame.Received}
		if at := 2 * register.At; at+2 > len(frame.Body) {
			p.Quality, p.Reason = dodona.Bad, "the frame is too short"
		} else {
			text := fmt.Sprintf("%de-%d", binary.BigEndian.Uint16(frame.Body[at:]), register.Decimals)
			if p.Value, err = dodona.ParseDecimal(text); err != nil {
				return r, err
			}
		}
		r.Points = append(r.Points, p)
	}
	return r, nil
}
