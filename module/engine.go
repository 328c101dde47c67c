package module

// A Module is a loaded module: a pool of instances of it that are all in the same state when a call begins.
type Module struct {
	spec Spec
}
