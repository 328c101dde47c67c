// Package fieldtest runs the program against every protocol of the field at once, each with a peer that nobody here wrote, while the
// peers freeze, die and come back. A minute of it is part of make test; make soak WHAT=field goes on for ten.
package fieldtest
