//go:build !unix

package main

// leaveNoCore has nothing to do where a crash leaves no memory behind.
func leaveNoCore() {}
