package knx

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/dodona-oracle/dodona"
)

// timeOfDay reads a time (DPT 10): seconds since midnight where the device is. The day of the week beside it is left out.
func timeOfDay(b []byte) (dodona.Decimal, error) {
	return clock(b[0], b[1], b[2])
}

// clock reads a time; the day of the week and reserved bits stand before its numbers.
func clock(hour, minute, second byte) (dodona.Decimal, error) {
	hour, minute, second = hour&0x1f, minute&0x3f, second&0x3f
	if whole := hour == 24 && minute == 0 && second == 0; !whole && hour > 23 || minute > 59 || second > 59 {
		return dodona.Decimal{}, fmt.Errorf("%02d:%02d:%02d is no time", hour, minute, second)
	}
	return integer(int64(hour)*3600 + int64(minute)*60 + int64(second)), nil
}

// date reads a date (DPT 11): days since 1970-01-01. Of the year two digits are sent, 90 to 99 of the last century.
func date(b []byte) (dodona.Decimal, error) {
	short := int(b[2] & 0x7f)
	switch {
	case short > 99:
		return dodona.Decimal{}, fmt.Errorf("%d is no year", short)
	case short >= 90:
		return days(1900+short, b[1], b[0])
	}
	return days(2000+short, b[1], b[0])
}

func days(year int, month, day byte) (dodona.Decimal, error) {
	month, day = month&0x0f, day&0x1f
	at := time.Date(year, time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if at.Year() != year || at.Month() != time.Month(month) || at.Day() != int(day) {
		// Fault (point): a clock shows a date that there is not.
		return dodona.Decimal{}, fmt.Errorf("%04d-%02d-%02d is no date", year, month, day)
	}
	return integer(at.Unix() / (24 * 60 * 60)), nil
}

// What a date with time says of itself in its flags.
const (
	clockFault  = 0x80
	noYear      = 0x10
	noMonthDay  = 0x08
	noTimeOfDay = 0x02
)

// dateTime reads a date with time (DPT 19): seconds from 1970-01-01 00:00 to what the device's clock shows, where it is.
func dateTime(b []byte) (d dodona.Decimal, err error) {
	switch {
	case b[6]&clockFault != 0:
		// Fault (point): a device says that its clock is wrong.
		return d, errors.New("the device says that its clock has a fault")
	case b[6]&(noYear|noMonthDay) != 0:
		return d, errors.New("the device does not know the date")
	case b[6]&noTimeOfDay != 0:
		return d, errors.New("the device does not know the time")
	}
	whole, err := days(1900+int(b[0]), b[1], b[2])
	if err == nil {
		whole, err = whole.Mul(integer(24 * 60 * 60))
	}
	if err != nil {
		return d, err
	}
	of, err := clock(b[3], b[4], b[5])
	if err != nil {
		return d, err
	}
	return whole.Add(of)
}

// tariffEnergy reads energy with its tariff (DPT 235): the energy alone.
func tariffEnergy(b []byte) (dodona.Decimal, error) {
	const invalid = 0x02
	if b[5]&invalid != 0 {
		return dodona.Decimal{}, errors.New("the device says that the energy is invalid")
	}
	return dodona.NewDecimal(big.NewInt(int64(int32(bits(b[:4])))), 0)
}
