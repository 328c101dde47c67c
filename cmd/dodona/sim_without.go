//go:build no.sim

package main

import "errors"

type simCommand struct {
	Anything []string `arg:"" optional:"" passthrough:"" hidden:""`
}

// Run says that there is no simulator.
func (simCommand) Run() error {
	return failure{exitUsage, errors.New("this build has no simulated plant (-tags no.sim), as those for gateways; one that make build or go install makes has it")}
}
