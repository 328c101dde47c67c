//go:build !unix && !no.sim

package main

// ignoreBackground: there are no jobs here.
func ignoreBackground() {}
