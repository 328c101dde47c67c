package table

import (
	"fmt"
	"os"
	"strings"
)

// A Live shows lines on a terminal and draws them again in their place, on the terminal's other screen: what was there
// before is there afterwards, and a window that becomes narrower or lower leaves nothing behind. The zero value is not usable.
type Live struct {
	out   *os.File
	begun bool
}

const (
	enter   = "\x1b[?1049h\x1b[?25l"                 // the other screen, without a cursor
	leave   = home + endAll + "\x1b[?25h\x1b[?1049l" // cleared: what a window that has grown cannot take back is scrolled away
	noWrap  = "\x1b[?7l"
	wrap    = "\x1b[?7h"
	home    = "\x1b[H"
	endLine = "\x1b[K"
	endAll  = "\x1b[J"
)

// Size of a terminal that does not know its own.
const (
	usualColumns = 80
	usualRows    = 24
)

// NewLive returns what draws on out; nil if that is no terminal, or one that cannot move its cursor.
func NewLive(out *os.File) *Live {
	if !IsTerminal(out) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &Live{out: out}
}

// Size returns how many columns and rows there are now.
func (l *Live) Size() (columns, rows int) {
	columns = Width(l.out)
	if columns == 0 {
		columns = usualColumns
	}
	if _, rows, _ = window(l.out); rows == 0 {
		rows = usualRows
	}
	return columns, rows
}

// Draw shows lines, which are safe and fit: they come from this package. Where the window is too low for all of them the
// first ones are shown, and how many more there are.
func (l *Live) Draw(lines []string) error {
	columns, rows := l.Size()
	if len(lines) > rows {
		more := fmt.Sprintf("… %d more lines: make the window higher", len(lines)-rows+1)
		lines = append(lines[:rows-1:rows-1], Cut(more, columns))
	}
	var b strings.Builder
	b.WriteString(noWrap + home)
	for i, line := range lines {
		if i == len(lines)-1 {
			b.WriteString(endAll + line)
			break
		}
		b.WriteString(endLine + line + "\r\n") // cleared first: behind a line that fills the row the cursor stands on its end
	}
	b.WriteString(wrap) // wrapping is never left off, however this program ends
	frame := b.String()
	if !l.begun {
		l.begun = true
		frame = enter + frame
	}
	_, err := l.out.WriteString(frame)
	return err
}

// Close goes back to the screen that was there before. It may be called twice.
func (l *Live) Close() {
	if l != nil && l.begun {
		l.begun = false
		_, _ = l.out.WriteString(leave) // nothing is left to do about it
	}
}
