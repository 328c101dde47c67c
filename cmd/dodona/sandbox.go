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

// sandbox opens an engine for modules that are run without a node.
func sandbox(ctx context.Context) (*module.Engine, error) {
	worker, err := compileWorker()
	if err != nil {
		return nil, err
	}
	return module.New(ctx, module.Options{Worker: worker})
}
