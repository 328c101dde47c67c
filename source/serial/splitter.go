package serial

import (
	"bytes"
	"fmt"
	"strings"
)

// A splitter tells frames apart in what comes over a line, byte by byte. It knows no time: who reads says when nothing came for a while.
type splitter struct {
	frame      Framing
	start, end string
	trailer    int
	length     int
	most       int
	trim       string // left out before the end of a line

	emit func(frame []byte)
	drop func(cause string)

	synced   bool   // where frames begin is known: a start is looked for, or one ended, or there was a pause
	inside   bool   // a start was seen
	trailing int    // bytes behind the end that are still to come
	skipping bool   // the frame is dropped already
	noisy    bool   // what came between frames is not only blanks
	noise    int    // how much of it, in bytes
	held     []byte // of the frame, or of what may be a start
}

func newSplitter(s *Settings, emit func(frame []byte), drop func(cause string)) *splitter {
	p := &splitter{
		frame: s.Frame, start: string(s.Start), end: string(s.End), trailer: s.Trailer, length: s.Length, most: int(s.MaxFrame),
		emit: emit, drop: drop,
	}
	if p.end == "\n" {
		p.trim = "\r"
	}
	if p.frame == nmea {
		p.end, p.trim = "\n", "\r"
	}
	return p
}

// The causes of drops.
const (
	// Fault (dropped): the source begins to listen in the middle of a frame.
	causeBefore = "it began before the source listened"
	// Fault (dropped): a frame pauses.
	causePause = "it pauses for longer than silence"
	// Fault (dropped): a frame has no end.
	causeWithin = "another one begins within it"
	// Fault (dropped): noise stands between frames.
	causeNoise = "bytes between frames"
	// Fault (dropped): an answer comes byte by byte, more slowly than timeout lets it.
	causeSlow = "the rest of it did not come within timeout"
)

func (p *splitter) causeLong() string {
	// Fault (dropped): a frame is longer than max_frame.
	return fmt.Sprintf("it does not end within max_frame (%d bytes)", p.most)
}

// add takes what came.
func (p *splitter) add(came []byte) {
	for _, b := range came {
		switch {
		case p.frame == line:
			p.addToLine(b)
		case p.frame == silence:
			p.addUntilSilence(b)
		case p.frame == length && p.start == "":
			p.addToLength(b)
		case !p.inside:
			p.lookForStart(b)
		default:
			p.addInside(b)
		}
	}
}

// pause says that nothing came for as long as silence says.
func (p *splitter) pause() {
	defer p.forget()
	switch {
	case p.frame == silence && p.synced && !p.skipping && len(p.held) > 0:
		p.emit(bytes.Clone(p.held))
	case p.frame == silence, p.frame == length && p.start == "":
		if len(p.held) > 0 && !p.skipping {
			p.drop(p.causeOf(causePause))
		}
		p.synced = true
	case p.frame == line && len(p.held) > 0 && !p.skipping:
		p.drop(p.causeOf(causePause))
		p.synced = true
	case p.inside && !p.skipping:
		p.drop(causePause)
	}
	if p.frame == line {
		p.synced = true
	}
}

// causeOf says why a frame is dropped, unless that is because its beginning did not come.
func (p *splitter) causeOf(cause string) string {
	if !p.synced {
		return causeBefore
	}
	return cause
}

// forget begins anew.
func (p *splitter) forget() {
	p.held, p.inside, p.skipping, p.trailing = p.held[:0], false, false, 0
}

// left drops what there is of a frame, because no more comes.
func (p *splitter) left(cause string) {
	if len(p.held) > 0 && !p.skipping && (p.inside || p.start == "" && p.frame != nmea) {
		p.drop(cause)
	}
	p.forget()
}

func (p *splitter) addToLine(b byte) {
	p.held = append(p.held, b)
	if !strings.HasSuffix(string(p.held[max(0, len(p.held)-len(p.end)):]), p.end) {
		if len(p.held) > p.most+len(p.end)+len(p.trim) {
			if !p.skipping {
				p.drop(p.causeOf(p.causeLong()))
			}
			p.skipping = true
			p.held = append(p.held[:0], p.held[len(p.held)-len(p.end):]...)
		}
		return
	}
	body := bytes.TrimSuffix(p.held[:len(p.held)-len(p.end)], []byte(p.trim))
	switch {
	case p.skipping, len(body) == 0:
	case !p.synced:
		p.drop(causeBefore)
	case len(body) > p.most:
		p.drop(p.causeLong())
	default:
		p.emit(bytes.Clone(body))
	}
	p.synced = true
	p.forget()
}

func (p *splitter) addUntilSilence(b byte) {
	switch {
	case p.skipping:
	case len(p.held) >= p.most:
		p.drop(p.causeOf(p.causeLong()))
		p.skipping = true
	default:
		p.held = append(p.held, b)
	}
}

func (p *splitter) addToLength(b byte) {
	if !p.synced { // only a pause tells where one begins
		if len(p.held) == 0 {
			p.held = append(p.held, b)
		}
		return
	}
	if p.held = append(p.held, b); len(p.held) == p.length {
		p.emit(bytes.Clone(p.held))
		p.forget()
	}
}

// lookForStart keeps as much as may be the beginning of a start.
func (p *splitter) lookForStart(b byte) {
	if p.frame == nmea {
		if b == '$' || b == '!' {
			p.begin([]byte{b})
			return
		}
		p.between(b)
		return
	}
	if p.held = append(p.held, b); len(p.held) > len(p.start) {
		p.between(p.held[0])
		p.held = append(p.held[:0], p.held[1:]...)
	}
	if string(p.held) == p.start {
		p.begin([]byte(p.start))
	}
}

// between counts a byte that is of no frame: all up to the next frame are one drop, or up to max_frame.
func (p *splitter) between(b byte) {
	p.noisy = p.noisy || !strings.ContainsRune(" \r\n\x00", rune(b))
	if p.noise++; p.noise > p.most {
		p.tellNoise()
	}
}

func (p *splitter) tellNoise() {
	if p.noisy && p.synced {
		p.drop(causeNoise)
	} else if p.noisy {
		p.drop(causeBefore)
	}
	p.noise, p.noisy = 0, false
}

func (p *splitter) begin(start []byte) {
	p.tellNoise()
	p.synced, p.inside = true, true
	p.held = append(p.held[:0], start...)
}

func (p *splitter) addInside(b byte) {
	if p.frame == nmea && (b == '$' || b == '!') {
		p.drop(causeWithin)
		p.begin([]byte{b})
		return
	}
	p.held = append(p.held, b)
	switch {
	case p.trailing > 0:
		if p.trailing--; p.trailing == 0 {
			p.finish()
		}
	case p.frame == length:
		if len(p.held) == p.length {
			p.finish()
		}
	case len(p.held) >= len(p.start)+len(p.end) && bytes.HasSuffix(p.held, []byte(p.end)):
		if p.trailing = p.trailer; p.trailing == 0 {
			p.finish()
		}
	case p.frame == delimited && len(p.held) >= 2*len(p.start) && bytes.HasSuffix(p.held, []byte(p.start)):
		p.drop(causeWithin)
		p.begin([]byte(p.start))
	case len(p.held) > p.most+len(p.end)+len(p.trim):
		p.drop(p.causeLong())
		p.forget()
	}
}

// finish emits the frame that is whole.
func (p *splitter) finish() {
	body := p.held
	if p.frame == nmea {
		body = bytes.TrimSuffix(body[:len(body)-len(p.end)], []byte(p.trim))
	}
	if len(body) > p.most {
		p.drop(p.causeLong())
	} else {
		p.emit(bytes.Clone(body))
	}
	p.forget()
}
