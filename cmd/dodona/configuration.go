package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/node"
)

// configFile names the configuration, as an argument or as a flag.
type configFile struct {
	File   string `arg:"" optional:"" help:"The configuration (YAML)."`
	Config string `short:"c" help:"The configuration (YAML)." placeholder:"FILE"`
}

func (c configFile) path() (string, error) {
	switch {
	case c.File != "" && c.Config != "":
		return "", failure{exitUsage, errors.New("name the configuration once: as an argument or with --config")}
	case c.File == "" && c.Config == "":
		return "", failure{exitUsage, errors.New("name the configuration, a file or - for standard input (two lines are enough: endpoint: https://… and signature_key: {file: …}; dodona init writes more)")}
	}
	return c.File + c.Config, nil
}

// other returns the argument where the file stands if --config names the file already: it is something else.
func (c *configFile) other() (word string) {
	if c.Config != "" {
		word, c.File = c.File, ""
	}
	return word
}

// open loads the configuration, for commands that try parts of it, and returns its name too.
func (c configFile) open(term terminal) (loaded *config.Config, path string, err error) {
	if path, err = c.path(); err != nil {
		return nil, "", err
	}
	loaded, err = loadConfig(path, term.in)
	if errors.Is(err, fs.ErrNotExist) && c.File != "" && !strings.ContainsAny(path, `./\`) {
		err = fmt.Errorf("%w; the configuration stands first, then what is wanted of it: plant.yaml %s", err, path)
	}
	if err != nil {
		return nil, "", mistakes(term, err)
	}
	return loaded, path, nil
}

// unknown says that a configuration has no unit of a name, and which it has.
func unknown(sort, name, path string, known []string) error {
	hint := ""
	if near := strict.Nearest(name, known); near != "" {
		hint = "did you mean " + near + "? "
	}
	return fmt.Errorf("no %s %s in %s; %sthere are %s", sort, plain.Quote(name, mostName), path, hint, strict.ListOf(known))
}

// mostName bounds how much is told of a name that is none.
const mostName = 64

// allKinds returns the kinds of sources and sinks in this build.
func allKinds() config.Kinds {
	return append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...)
}

// loadConfig reads a configuration; - is standard input.
func loadConfig(path string, stdin io.Reader) (*config.Config, error) {
	return readConfig(path, stdin, config.Load)
}

func readConfig(path string, stdin io.Reader, load func(io.Reader, string, config.Kinds) (*config.Config, error)) (*config.Config, error) {
	kinds := allKinds()
	if path == "-" {
		return load(stdin, "standard input", kinds)
	}
	raw, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", secret.Denied(err, path))
	}
	defer raw.Close()
	return load(raw, path, kinds)
}

// nodeConfig reads a configuration that a node of this build can run by, here.
func nodeConfig(path string, stdin io.Reader) (*config.Config, error) {
	return configFor(path, stdin, nil)
}

// configFor is nodeConfig for a node that may run in another folder.
func configFor(path string, stdin io.Reader, runs func() (folder, by string)) (*config.Config, error) {
	return configOpening(path, stdin, runs, nil)
}

// configOpening is configFor that opens keystores too.
func configOpening(path string, stdin io.Reader, runs func() (folder, by string), open func(setting string, k keyfile.Key) error) (*config.Config, error) {
	c, err := readConfig(path, stdin, func(r io.Reader, name string, kinds config.Kinds) (*config.Config, error) {
		return config.LoadOpening(r, name, kinds, runs, open)
	})
	if err == nil {
		err = node.Check(c)
	}
	return c, err
}

// mistakes turns the mistakes of a configuration into what is printed, without a prefix.
func mistakes(term terminal, err error) error {
	if list := (*strict.MistakesError)(nil); errors.As(err, &list) {
		fmt.Fprintln(term.err, list.Fit(term.talkWidth()))
		return failure{code: exitUsage}
	}
	return failure{exitUsage, err}
}

func warn(term terminal, c *config.Config) {
	_ = strict.WriteWarnings(term.err, strict.Fit(c.Warnings, term.talkWidth())) // nobody is left to tell
}
