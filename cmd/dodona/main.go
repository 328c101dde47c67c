// Command dodona runs an oracle node, and asks, verifies and replays what nodes said.
//
// Standard output is data, standard error is talk. Exit codes: 0 done; 1 failed; 2 the command line or the
// configuration is wrong, or what it names, such as a key, cannot be had: nothing was started, and nothing will be before somebody mends that; 3 the evidence is invalid; of status also 4 degraded and 5 failing.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program/trial"
	"github.com/dodona-oracle/dodona/sdk"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitInvalid = 3

	exitDegraded = 4 // the node answers, and something of it does not do what it should
	exitFailing  = 5 // the node is not ready
)

// cli is the command line: bare verbs for the node and for evidence, noun and verb for things kept.
type cli struct {
	Init    initCommand    `cmd:"" help:"Read a document once, and write a configuration and a key for the numbers in it."`
	Run     runCommand     `cmd:"" help:"Run a node from a configuration."`
	Check   checkCommand   `cmd:"" help:"Check a configuration; never dials."`
	Schema  schemaCommand  `cmd:"" help:"Print the JSON Schema of the configuration."`
	Kinds   kindsCommand   `cmd:"" help:"List the kinds of sources and sinks in this build, or the settings of one."`
	Reload  reloadCommand  `cmd:"" help:"Let a running node read its configuration again."`
	Status  statusCommand  `cmd:"" help:"Show how a running node fares, the cause of trouble first."`
	Explain explainCommand `cmd:"" help:"Walk back from an answer to the bytes it came from."`
	Verify  verifyCommand  `cmd:"" help:"Verify an answer from a file, a URL or standard input."`
	Support supportCommand `cmd:"" help:"Write one archive with what is known of a node, its secrets taken out."`
	Backup  backupCommand  `cmd:"" help:"Write an archive of a node's data folder, while it runs or not."`
	Restore restoreCommand `cmd:"" help:"Make a data folder of such an archive."`
	Replay  replayCommand  `cmd:"" help:"Compute a round again from its bundle and compare."`
	Sim     simCommand     `cmd:"" help:"Simulate a small plant to try Dodona on: Modbus, OPC UA, CoAP and MQTT, with faults on command."`

	Source struct {
		Read  sourceReadCommand  `cmd:"" help:"Make one exchange with the sources of a configuration, and show what their rules take."`
		Scan  sourceScanCommand  `cmd:"" help:"Look what a device has, and print the configuration that reads it."`
		Trust sourceTrustCommand `cmd:"" help:"Accept the certificate that a source's server shows, or show those that wait for it."`
	} `cmd:"" help:"Try sources, and say whom they believe."`
	Feed struct {
		Try   feedTryCommand   `cmd:"" help:"Make one round of a feed without signing it, and show every step."`
		Watch feedWatchCommand `cmd:"" help:"Print answers as they are attested."`
	} `cmd:"" help:"Try and follow feeds."`
	Sink struct {
		Resend sinkResendCommand `cmd:"" help:"Give an answer, or all dead letters, to a sink once more."`
	} `cmd:"" help:"Work on deliveries."`
	Key struct {
		New    keyNewCommand    `cmd:"" help:"Make a key, in an encrypted keystore or with --raw in clear."`
		Show   keyShowCommand   `cmd:"" help:"Show the address of a key file; needs no password."`
		Import keyImportCommand `cmd:"" help:"Keep a private key given in hex on standard input, as key new keeps one."`
	} `cmd:"" help:"Make and keep keys (Web3 Secret Storage v3, or 64 hex digits)."`
	Contract contractCommand `cmd:"" help:"Deploy the contracts that take answers, and look at them."`
	Module   moduleCommand   `cmd:"" help:"Make, try, sign and look at Wasm modules."`
	Bundle   struct {
		Export bundleExportCommand `cmd:"" help:"Export everything needed to replay a round."`
	} `cmd:"" help:"Take evidence out of a node."`

	CompileWorker compileWorkerCommand `cmd:"" hidden:""`

	Version kong.VersionFlag `help:"Print the version."`
}

// terminal is what commands read and write; tests give their own.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	color    bool
	asks     bool       // in is a terminal, at which somebody sits
	watched  bool       // out is a terminal, which text could steer
	columns  func() int // of that terminal, now; nil: as many as need be
	screen   *os.File   // that terminal; nil if it is none
}

// talkWidth is width for what is told beside the data: as many columns as need be where that is no terminal.
func (t terminal) talkWidth() int {
	if f, ok := t.err.(*os.File); ok {
		return table.Width(f)
	}
	return t.width()
}

// width returns how many columns there are for a line now; 0 stands for as many as need be.
func (t terminal) width() int {
	if t.columns == nil {
		return 0
	}
	return t.columns()
}

// live returns what draws again in its place; nil where nothing moves.
func (t terminal) live() *table.Live {
	if t.screen == nil {
		return nil
	}
	return table.NewLive(t.screen)
}

// printable makes one line out of what a stranger said, who may neither steer the terminal nor write lines of ours.
func printable(s string) string { return plain.Line(s, maxLine) }

const maxLine = 16 << 10 // bytes

// text writes what a stranger said: to a terminal as what it can show, elsewhere byte for byte, or with an end of line if it is
// one of several.
func (t terminal) text(b []byte, several bool) error {
	if t.watched {
		b = []byte(plain.Lines(string(b), 2*len(b))) // a dot has two bytes
	}
	if (t.watched || several) && !bytes.HasSuffix(b, []byte("\n")) {
		b = append(slices.Clip(b), '\n')
	}
	_, err := t.out.Write(b)
	return err
}

// table writes a table as wide as the terminal; one without rows is not there.
func (t terminal) table(of table.Table) error {
	if len(of.Rows) == 0 {
		return nil
	}
	of.Color = t.color
	for _, line := range of.Lines(t.width()) {
		if _, err := fmt.Fprintln(t.out, line); err != nil {
			return err
		}
	}
	return nil
}

// fold prints what somebody else said, on as many lines as the terminal's width makes of it.
func (t terminal) fold(format string, args ...any) error {
	for _, line := range table.Wrap(fmt.Sprintf(format, args...), t.width()) {
		if _, err := fmt.Fprintln(t.out, line); err != nil {
			return err
		}
	}
	return nil
}

// line prints one line of what somebody else said, who may not steer the terminal with it.
func (t terminal) line(format string, args ...any) error {
	_, err := fmt.Fprintln(t.out, printable(fmt.Sprintf(format, args...)))
	return err
}

// complain says why a command ends as it does; an error may quote strangers.
func (t terminal) complain(err error) {
	fmt.Fprintf(t.err, "dodona: %s\n", plain.Lines(err.Error(), maxLine))
}

// output remembers what kept it from writing: data that is not on standard output is a failure of every command.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// failure is an error with an exit code of its own. A nil err means everything was said already.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f failure) Unwrap() error { return f.err }

func main() {
	log.SetOutput(io.Discard) // net/http says there what a peer sent unasked, which may be the secrets that it was sent
	watched := table.IsTerminal(os.Stdout)
	term := terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, color: watched && os.Getenv("NO_COLOR") == "", watched: watched,
		asks: table.IsTerminal(os.Stdin), columns: func() int { return table.Width(os.Stdout) }, screen: os.Stdout,
	}
	os.Exit(execute(context.Background(), os.Args[1:], term))
}

// interruptible returns a context that ends with SIGINT or SIGTERM, for commands that have something to finish. The
// others end at once by default, also while they wait for a terminal or a named pipe.
func interruptible(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, term terminal) int {
	var c cli
	out := &output{Writer: term.out}
	term.out = out
	done := false
	parser, err := kong.New(&c,
		kong.Name("dodona"),
		kong.Description("An oracle node for the edge: from a number on a machine or a server to a value that anyone can verify."),
		kong.Writers(term.out, term.err),
		kong.Exit(func(int) { done = true }),
		kong.Vars{
			"version": release, "api": defaultAPI, "service": serviceConfig, "languages": strings.Join(sdk.Languages, ", "),
			"asks": strings.Join(manifest.Forms(), ", "), "grants": strict.Either(trial.GrantForms()),
		},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	if err != nil {
		panic("the command line is declared wrongly: " + err.Error())
	}
	parsed, err := parser.Parse(spoken(args, parser.Model.Node))
	if done {
		return exitDone // --help or --version
	}
	if err != nil {
		term.complain(understood(err, advice(args, parser.Model.Node)))
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err = parsed.Run(term); err == nil {
		err = out.err
	}
	var failed failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &failed):
		if failed.err != nil {
			term.complain(failed.err)
		}
		return failed.code
	}
	term.complain(err)
	return exitFailed
}

// meant returns as much of the command as was understood before err.
func meant(err error) string {
	parse := (*kong.ParseError)(nil)
	if !errors.As(err, &parse) {
		return "dodona"
	}
	words := []string{"dodona"}
	for node := parse.Context.Selected(); node != nil && node.Parent != nil; node = node.Parent {
		words = slices.Insert(words, 1, node.Name)
	}
	return strings.Join(words, " ")
}
