package module

import (
	"bytes"
	"log/slog"
)

// printLevels are the levels of what is written to standard output and standard error.
var printLevels = [2]slog.Level{slog.LevelInfo, slog.LevelWarn}

// Print takes what the guest writes to standard output (0) or standard error (1), and logs it line by line.
func (in *instance) Print(stream int, b []byte) {
	if in.Outside() {
		return
	}
	ev := &in.event
	for len(b) > 0 {
		if ev.logLeft == 0 && len(ev.partial[stream]) == 0 {
			ev.logMissed += len(b) // at once: a flood of empty lines must not take longer than what it pays
			return
		}
		line, rest, ended := bytes.Cut(b, newline)
		// More than the budget has room for is not kept.
		room := max(ev.logLeft-len(ev.partial[stream]), 0)
		ev.partial[stream] = append(ev.partial[stream], line[:min(len(line), room)]...)
		ev.logMissed += max(len(line)-room, 0)
		if ended {
			ev.log(printLevels[stream], ev.partial[stream])
			ev.partial[stream] = ev.partial[stream][:0]
		}
		b = rest
	}
}

var newline = []byte{'\n'}

// flush logs what was written without the end of a line.
func (ev *event) flush() {
	for i := range ev.partial {
		if len(ev.partial[i]) > 0 {
			ev.log(printLevels[i], ev.partial[i])
			ev.partial[i] = ev.partial[i][:0]
		}
	}
}
