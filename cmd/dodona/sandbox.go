package main

import (
	"context"
	"fmt"
	"os"

	"github.com/dodona-oracle/dodona/module"
)

// compileWorker is the command line by which this program starts itself to compile a module.
func compileWorker() ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, which compiles modules: %w", err)
	}
	return []string{program, "compile-worker"}, nil
}

// compileWorkerCommand is what that command line leads to: a process that may be killed.
type compileWorkerCommand struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

// Run never returns.
func (c compileWorkerCommand) Run(term terminal) error {
	os.Exit(module.CompileWorker(term.in, c.Args))
	return nil
}

// sandbox opens an engine for modules that are run without a node.
func sandbox(ctx context.Context) (*module.Engine, error) {
	return sandboxWith(ctx, module.Options{})
}

// memoryForOne is enough for any module that the sandbox accepts, also where its code is interpreted: whoever runs one by hand has no modules.memory.
const memoryForOne = 256 << 20

// sandboxWith is sandbox with a folder for what is compiled.
func sandboxWith(ctx context.Context, o module.Options) (_ *module.Engine, err error) {
	o.Memory = memoryForOne
	if o.Worker, err = compileWorker(); err != nil {
		return nil, err
	}
	return module.New(ctx, o)
}
