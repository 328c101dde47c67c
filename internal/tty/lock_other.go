//go:build !unix

package tty

// lock does nothing: the system opens a port once.
func lock(string) (release func(), err error) { return func() {}, nil }
