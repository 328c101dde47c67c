//go:build no.bus.server

package bus

// Embeds reports whether this build has a server of its own.
const Embeds = false

func (*Server) newEngine(int64) (engine, error) { return nil, ErrNoServer }
