//go:build !linux

package tty

import "errors"

// direction refuses to switch a line.
func direction(s Settings) (opened func(), err error) {
	if s.RS485.RTS != "" {
		return nil, errors.New("rs485: only drivers of Linux switch the line")
	}
	return func() {}, nil
}
