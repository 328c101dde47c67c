package source

import (
	"strconv"
	"time"
)

// State is how a source is doing, in one word.
type State string

// The states of a source.
const (
	Starting State = "starting" // nothing has come yet, and nothing fails
	OK       State = "ok"       // the last exchange brought data, or a sign of life after it
	Retrying State = "retrying" // the last exchange failed; the pump tries again
	Stale    State = "stale"    // no data for several intervals; the pump tries again
	Stopped  State = "stopped"  // the pump has ended

	// Unusable is ok to the pump: data comes, but nobody who asks for it finds anything in it. LastError says why.
	Unusable State = "unusable"
)

// A Status is what is known about a source at one moment. Counters count from the start of the pump.
type Status struct {
	Name        string        `json:"name"`
	Kind        string        `json:"kind"`
	State       State         `json:"state"`
	LastError   string        `json:"lastError,omitempty"`  // of the failures since data last came, or why nothing of use did; kept after recovery until the next one
	ErrorTime   time.Time     `json:"errorTime,omitzero"`   // when it happened
	LastReading time.Time     `json:"lastReading,omitzero"` // when data last came
	Attempt     int           `json:"attempt"`              // failures in a row
	NextTry     time.Time     `json:"nextTry,omitzero"`     // zero unless waiting to try again
	Expected    time.Duration `json:"expected"`             // how often data should come; 0 if unknown
	Exchanges   uint64        `json:"exchanges"`
	Failures    uint64        `json:"failures"`
	Readings    uint64        `json:"readings"`
	Dropped     uint64        `json:"dropped"`
	LastDrop    string        `json:"lastDrop,omitempty"` // why readings were last dropped
	DropTime    time.Time     `json:"dropTime,omitzero"`  // when that was
	Panics      uint64        `json:"panics"`
	Restarts    uint64        `json:"restarts"`
	Strays      int           `json:"strays"` // calls that ignored their context and still run
}

// human writes a duration as people say it: "150 ms", "2.4 s", "5 min".
func human(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Second && d > 0:
		return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + " ms"
	case d < 10*time.Second && d%time.Second != 0:
		tenths := d.Round(100*time.Millisecond).Milliseconds() / 100
		if tenths%10 != 0 {
			return strconv.FormatInt(tenths/10, 10) + "." + strconv.FormatInt(tenths%10, 10) + " s"
		}
		return strconv.FormatInt(tenths/10, 10) + " s"
	case d < 2*time.Minute:
		return strconv.FormatInt(int64(d.Round(time.Second)/time.Second), 10) + " s"
	case d < 2*time.Hour:
		return strconv.FormatInt(int64(d.Round(time.Minute)/time.Minute), 10) + " min"
	}
	return strconv.FormatInt(int64(d.Round(time.Hour)/time.Hour), 10) + " h"
}
