package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// A device is whose points a source brings. Its name stands in topics and in what is delivered of points; feeds and what is signed do not
// know it.

// besideSource are the keys beside the kind of a source.
var besideSource = []string{"value", "points", "device"}

// mostDevice bounds the name of a device, in bytes.
const mostDevice = 128

// CheckDevice says why a text cannot name a device: it is one level of a topic.
func CheckDevice(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("device: want a name, such as boiler-1; without one the source's name counts")
	case !utf8.ValidString(name):
		return fmt.Errorf("device: %s: want a text in UTF-8", plain.Quote(name, mostDevice))
	case len(name) > mostDevice:
		return fmt.Errorf("device: %d bytes, want %d at most", len(name), mostDevice)
	case strings.ContainsAny(name, "/+#"):
		return fmt.Errorf("device: %s: want a name without /, + and #, which mean something in a topic", strict.QuoteAll(name))
	case !plain.Is(name):
		return fmt.Errorf("device: %s: want a name without characters that steer, nor any that cannot be seen", plain.Quote(name, mostDevice))
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("device: %s: want a name without a blank before or behind it", strict.QuoteAll(name))
	}
	return nil
}

// device reads the name of a source's device.
func (l *loader) device(where string, n *strict.Node) string {
	value, at := n.Child("device")
	if value == nil {
		return ""
	}
	at.Show = true
	before, name := l.report.Count(), ""
	l.decoder(where, nil).Into(reflect.ValueOf(&name), value, "device")
	if err := CheckDevice(name); err != nil && l.report.Count() == before && value.Kind != strict.Broken {
		l.report.Mistake(value.At, where, err.Error())
	}
	return name
}

// devices returns the devices of single points, as the kind's settings say.
func (l *loader) devices(where string, settings any, at *strict.Span) map[string]string {
	several, ok := settings.(interface{ Devices() map[string]string })
	if !ok {
		return nil
	}
	of := several.Devices()
	for _, point := range slices.Sorted(maps.Keys(of)) {
		if err := CheckDevice(of[point]); err != nil {
			l.report.Mistake(at, where, fmt.Sprintf("point %s: %v", strict.QuoteAll(point), err))
			return nil
		}
	}
	return of
}

// DeviceOf returns the device of a point: what its kind's settings say of it, or else the source's own, or its name.
func (s Source) DeviceOf(point string) string { return cmp.Or(s.Devices[point], s.Device, s.Name) }
