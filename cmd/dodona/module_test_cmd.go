package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/program/trial"
)

type moduleTestCommand struct {
	Paths []string `arg:"" optional:"" help:"Files whose names end in _test.yaml, modules with such a file beside them, or folders; otherwise the current folder." placeholder:"PATH"`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// Run exits with 1 if a case failed, and with 2 if a file is wrong or a module is refused.
func (c moduleTestCommand) Run(ctx context.Context, term terminal) error {
	files, err := trial.Files(c.Paths)
	if err != nil {
		return failure{exitUsage, err}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	bench, err := trial.NewBench(ctx, sandboxWith, all.Sources()...)
	if err != nil {
		return err
	}
	defer bench.Close(context.WithoutCancel(ctx))
	list := []trial.Tested{}
	failed, total := 0, 0
	for _, file := range files {
		result, err := bench.Test(ctx, file)
		if err != nil {
			return refusedTest(ctx, term, err)
		}
		list = append(list, result)
		for _, k := range result.Cases {
			total++
			if !k.Pass {
				failed++
			}
		}
		if !c.JSON {
			if err := printTested(term.out, result); err != nil {
				return err
			}
		}
	}
	if c.JSON {
		err = printJSON(term.out, list)
	} else {
		_, err = fmt.Fprintf(term.out, "%s, %d failed\n", count(total, "case"), failed)
	}
	if err == nil && failed > 0 {
		return failure{code: exitFailed}
	}
	return err
}

func refusedTest(ctx context.Context, term terminal, err error) error {
	if list := (*strict.MistakesError)(nil); errors.As(err, &list) {
		fmt.Fprintln(term.err, list.Text("it was not tested"))
		return failure{code: exitUsage}
	}
	if ctx.Err() != nil {
		return err
	}
	return failure{exitUsage, err}
}

// printTested writes what became of a file for people.
func printTested(w io.Writer, r trial.Tested) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.File, filepath.Base(r.Module))
	for _, k := range r.Cases {
		verdict := "PASS"
		if !k.Pass {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "  %s  %s\n", verdict, k.Name)
		for _, line := range linesOf(k) {
			fmt.Fprintf(&b, "        %s\n", line)
		}
		fmt.Fprintf(&b, "        %s\n", costs(k.Result, r.Limits))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// linesOf says what a case answered, or where it differs from what it must.
func linesOf(k trial.TestedCase) (out []string) {
	if !k.Pass {
		out = k.Diff
		for _, l := range k.Logs {
			out = append(out, "log "+l.Level+": "+l.Text)
		}
		return out
	}
	for _, p := range k.Points {
		out = append(out, trial.PointText(p))
	}
	if k.Error != nil {
		out = append(out, "failed as it should: "+*k.Error)
	}
	return out
}
