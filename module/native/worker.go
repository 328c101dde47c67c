package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
)

// interpreted is the mode of a child that only decodes.
const interpreted = "interpreted"

// CompileWorker is the main function of the child that compiles: the command line in [Options.Worker] followed by
// arguments of the store must end up in it, with nothing printed and nothing opened before. It limits itself, reads
// rewritten Wasm from in, and leaves native code in a folder. Runtimes are set up by config as the store's are, and with
// adds what makes a compilation one of a kind. The result is the exit code.
func CompileWorker(in io.Reader, args []string, config func(interpreter bool) wazero.RuntimeConfig, with Kinds) int {
	err := compileWorker(in, args, config, with)
	if err == nil {
		return 0
	}
	if of, moved := (*fs.PathError)(nil), (*os.LinkError)(nil); errors.As(err, &of) { // the names of files say nothing to anybody
		err = fmt.Errorf("%s native code: %w", of.Op, of.Err)
	} else if errors.As(err, &moved) {
		err = fmt.Errorf("%s native code: %w", moved.Op, moved.Err)
	}
	fmt.Fprintln(os.Stderr, strings.ReplaceAll(err.Error(), workingFolder+"/", ""))
	return 1
}

// Kinds returns ctx with what makes a compilation of a rewritten module one of a kind.
type Kinds func(ctx context.Context, kind string, rewritten []byte) context.Context

func compileWorker(in io.Reader, args []string, config func(interpreter bool) wazero.RuntimeConfig, with Kinds) error {
	if len(args) != 4 {
		return errors.New("this command is for Dodona's own use: it compiles modules for the process that starts it")
	}
	cpu, err := strconv.ParseUint(args[2], 10, 32)
	if err != nil {
		return fmt.Errorf("limit of CPU: %w", err)
	}
	memory, err := strconv.ParseUint(args[3], 10, 63)
	if err != nil {
		return fmt.Errorf("limit of memory: %w", err)
	}
	runtime.GOMAXPROCS(1)
	if err := restrict(cpu, memory); err != nil {
		return fmt.Errorf("limit the compiler: %w", err)
	}
	code, err := io.ReadAll(io.LimitReader(in, LargestCode))
	if err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	mode := args[0]
	return compileTo(with(context.Background(), mode, code), args[1], code, mode == interpreted, config(mode == interpreted))
}

// compileTo compiles code into a folder, or only decodes it.
func compileTo(ctx context.Context, dir string, code []byte, decode bool, config wazero.RuntimeConfig) error {
	if !decode {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return err
		}
		config = config.WithCompilationCache(cache)
	}
	_, err := wazero.NewRuntimeWithConfig(ctx, config).CompileModule(ctx, code)
	return err // the process ends here; nothing needs closing
}
