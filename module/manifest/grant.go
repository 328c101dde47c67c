package manifest

// Missing returns a line for each thing that c asks for and granted does not allow, with what to write in the
// configuration of the feed. It is nil if everything is granted. Zero numbers of a granted HTTPGet allow what is asked.
func (c Capabilities) Missing(granted Capabilities) (out []string) {
	allowed := granted.all()
	for i, one := range c.all() {
		out = append(out, one.missing(one, allowed[i].shape)...)
	}
	return out
}

// Intersect returns what both c asks for and granted allows: what a module may be given. Zero numbers of a granted
// HTTPGet allow what is asked.
func (c Capabilities) Intersect(granted Capabilities) Capabilities {
	allowed := granted.all()
	for i, one := range c.all() {
		one.keep(allowed[i].shape)
	}
	return c
}
