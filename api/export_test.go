package api

import "maps"

// Patterns returns the routes of the API with their methods.
func (h *Handler) Patterns() map[string]string { return maps.Clone(h.patterns) }
