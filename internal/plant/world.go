package plant

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"
)

// A world knows what every value is at every instant. It keeps nothing, so all parts agree, and so do all runs of one seed.
type world struct {
	seed  uint64
	every time.Duration
}

// tick returns the number of the value at an instant, and when it became so.
func (w world) tick(now time.Time) (n int64, since time.Time) {
	n = now.UnixNano() / int64(w.every)
	return n, time.Unix(0, n*int64(w.every)).UTC()
}

// wave returns a number from -1 to 1 that comes back after a period, with a tenth of it at random; name tells one wave from another.
func (w world) wave(name string, n int64, period time.Duration) float64 {
	seconds := float64(n) * w.every.Seconds()
	phase := 2 * math.Pi * (w.random(name, 0) + math.Mod(seconds/period.Seconds(), 1))
	return 0.9*math.Sin(phase) + 0.1*(2*w.random(name, n)-1)
}

// random returns a number from 0 to 1 that is always the same for a name and a number.
func (w world) random(name string, n int64) float64 {
	seed := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, w.seed), uint64(n))
	sum := sha256.Sum256(append(seed, name...))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// tenths, and its like, round a number to a whole of them.
func tenths(x float64) int64     { return int64(math.Round(x * 10)) }
func hundredths(x float64) int64 { return int64(math.Round(x * 100)) }

// A boiler is the state of the boiler: it burns for one half of its period, in which it becomes warmer.
type boiler struct {
	temperature int64 // tenths of a degree Celsius, 68 to 92
	pressure    int64 // hundredths of a bar, 1.2 to 2.0
	burner      int64 // 0: off, 1: on
	hours       int64 // of operation
}

func (w world) boiler(now time.Time) boiler {
	n, since := w.tick(now)
	level := w.wave("boiler", n, 2*time.Minute)
	b := boiler{temperature: tenths(80 + 12*level), pressure: hundredths(1.6 + 0.4*level), hours: since.Unix() / 3600 % 100_000}
	if w.wave("boiler", n+int64(15*time.Second/w.every), 2*time.Minute) > level {
		b.burner = 1
	}
	return b
}

// flow returns hundredths of a litre per second, 1.5 to 4.5, and whole litres.
func (w world) flow(now time.Time) (rate, total int64, since time.Time) {
	n, since := w.tick(now)
	return hundredths(3 + 1.5*w.wave("flow", n, 3*time.Minute)), since.Unix() * 3 % 1_000_000_000, since
}

// power returns tenths of a watt, 500 to 3500, tenths of a volt, 225 to 235, and hundredths of a kilowatt-hour.
func (w world) power(now time.Time) (watts, volts, energy int64, since time.Time) {
	n, since := w.tick(now)
	return tenths(2000 + 1500*w.wave("power", n, 5*time.Minute)), tenths(230 + 5*w.wave("volts", n, 11*time.Minute)), since.Unix() / 18 % 1_000_000_000, since
}

// pump returns whole revolutions per minute, 1350 to 1450, and hundredths of a millimetre per second, 0.5 to 2.5.
func (w world) pump(now time.Time) (speed, vibration int64, since time.Time) {
	n, since := w.tick(now)
	return int64(math.Round(1400 + 50*w.wave("pump", n, 4*time.Minute))), hundredths(1.5 + w.wave("vibration", n, 7*time.Minute)), since
}

// press returns tenths of a kilonewton, 50 to 250, and how many strokes there were.
func (w world) press(now time.Time) (force, strokes int64, since time.Time) {
	n, since := w.tick(now)
	return tenths(150 + 100*w.wave("press", n, 30*time.Second)), since.Unix() / 30 % 1_000_000_000, since
}

// decimal writes a number of the given decimals.
func decimal(n int64, decimals int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	digits := strconv.FormatInt(n, 10)
	if pad := decimals + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	whole, part := digits[:len(digits)-decimals], digits[len(digits)-decimals:]
	if decimals == 0 {
		return sign + whole
	}
	return sign + whole + "." + part
}
