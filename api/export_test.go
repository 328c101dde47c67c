package api

import "maps"

// Patterns returns the routes of the API with their methods.
func (h *Handler) Patterns() map[string]string { return maps.Clone(h.patterns) }

// Patient lets connections take any time.
func (s *Server) Patient() {
	s.server.ReadHeaderTimeout, s.server.ReadTimeout, s.server.WriteTimeout, s.server.IdleTimeout = 0, 0, 0, 0
}
