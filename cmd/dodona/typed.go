package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// spoken turns the words and the orders of words that people try first into the command line that they mean.
func spoken(args []string, commands *kong.Node) []string {
	if len(args) == 0 {
		return []string{"--help"}
	}
	args = slices.Clone(args)
	for i := range args {
		if args[i] == "--" {
			break
		}
		if args[i] == "-help" {
			args[i] = "--help"
		}
	}
	switch args[0] {
	case "help":
		if len(args) == 2 && (args[1] == "help" || args[1] == "version") { // words that are no commands
			return []string{"--help"}
		}
		return append(slices.Clone(args[1:]), "--help")
	case "version", "-v", "-V", "-version":
		return append([]string{"--version"}, args[1:]...)
	case "-?", "/?":
		return append([]string{"--help"}, args[1:]...)
	}
	if strings.HasPrefix(args[0], "-") {
		return behind(args, commands)
	}
	if n := len(args) - 1; args[n] == "help" && n == len(pathOf(args[:n], commands)) && !isFile("help") {
		return append(slices.Clone(args[:n]), "--help")
	}
	return args
}

// behind puts flags that stand before the command behind it. A configuration alone means that a node is to run by it.
func behind(args []string, commands *kong.Node) []string {
	config := false
	for i, arg := range args {
		switch {
		case arg == "--":
			return args
		case i > 0 && isConfigFlag(args[i-1]): // its file, whatever its name
		case childOf(commands, arg) != nil:
			return slices.Concat(args[i:], args[:i])
		case isConfigFlag(arg), strings.HasPrefix(arg, "--config="):
			config = true
		}
	}
	if config {
		return append([]string{"run"}, args...)
	}
	return args
}

func isConfigFlag(arg string) bool { return arg == "--config" || arg == "-c" }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// childOf returns the command below node that has the name.
func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name && !child.Hidden {
			return child
		}
	}
	return nil
}

// pathOf returns as many of words as name a command.
func pathOf(words []string, commands *kong.Node) (path []string) {
	at := commands
	for _, word := range words {
		if at = childOf(at, word); at == nil {
			break
		}
		path = append(path, word)
	}
	return path
}

// elsewhere are the words that other programs have for our commands.
var elsewhere = map[string]string{
	"validate": "check", "lint": "check", "verify-config": "check", "config": "check", "test": "check",
	"start": "run", "serve": "run", "up": "run", "node": "run", "daemon": "run", "server": "run",
	"ls": "status", "list": "status", "ps": "status", "info": "status", "health": "status", "stat": "status", "doctor": "status", "top": "status",
	"feeds": "status", "sources": "status", "sinks": "status",
	"watch": "feed watch", "tail": "feed watch", "follow": "feed watch", "stream": "feed watch",
	"try": "feed try", "read": "source read", "get": "source read", "fetch": "source read", "probe": "source read",

	"new": "init", "setup": "init", "create": "init", "configure": "init", "quickstart": "init", "wizard": "init", "generate": "init",
	"keygen": "key new", "genkey": "key new", "keys": "key", "address": "key show", "account": "key show",
	"why": "explain", "trace": "explain", "proof": "bundle export", "export": "bundle export", "bundles": "bundle export",
	"deploy": "contract deploy", "modules": "module", "wasm": "module", "contracts": "contract",
	"plugins": "kinds", "types": "kinds", "inputs": "kinds", "outputs": "kinds",
}

// signalled are words for what is no command: a running node hears signals.
var signalled = map[string]string{
	"stop":     "a node ends with Ctrl-C, or when it is sent SIGTERM",
	"down":     "a node ends with Ctrl-C, or when it is sent SIGTERM",
	"kill":     "a node ends with Ctrl-C, or when it is sent SIGTERM",
	"quit":     "a node ends with Ctrl-C, or when it is sent SIGTERM",
	"exit":     "a node ends with Ctrl-C, or when it is sent SIGTERM",
	"shutdown": "a node ends with Ctrl-C, or when it is sent SIGTERM",
	"restart":  "end the node with SIGTERM and run it again; dodona reload lets it read its configuration again while it runs",
	"logs":     "a node writes its log to standard error",
	"log":      "a node writes its log to standard error",
	"demo":     "the demo is built from the source: make demo",
}

// advice says what was probably meant by a command line that was not understood; empty if nothing comes to mind.
func advice(args []string, commands *kong.Node) string {
	if len(args) > 0 && args[0] == "help" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] == "version" {
		return ""
	}
	word := args[0]
	if at := childOf(commands, word); at != nil {
		return below(args, at)
	}
	switch {
	case strings.HasPrefix(word, "-"):
		return ""
	case word == "-" || isFile(word):
		return fmt.Sprintf("%s is a file: dodona run %[1]s runs a node by it, dodona check %[1]s looks for mistakes in it", word)
	case strings.HasSuffix(word, ".yaml") || strings.HasSuffix(word, ".yml"):
		return "there is no file " + word + "; dodona init writes a configuration, dodona run FILE runs a node by it"
	case strings.Contains(word, "://"):
		return "dodona init --url URL makes a configuration that reads it"
	case elsewhere[strings.ToLower(word)] != "":
		return "did you mean dodona " + elsewhere[strings.ToLower(word)] + "?"
	case signalled[strings.ToLower(word)] != "":
		return signalled[strings.ToLower(word)]
	}
	if len(args) > 1 { // verb and noun the other way round
		if noun := childOf(commands, args[1]); noun != nil && childOf(noun, word) != nil {
			return fmt.Sprintf("did you mean dodona %s %s?", args[1], word)
		}
	}
	return nearest(word, commands)
}

// understood is what the parser says of a command line, without its own guess where advice has a better one.
func understood(err error, hint string) error {
	text := err.Error()
	if flag, _, found := strings.Cut(text, ": expected "); found && strings.HasSuffix(text, `but got "EOL" (<EOL>)`) {
		text = flag + ": its value is missing"
	}
	if hint == "" {
		hint = otherFlag(err)
	}
	if hint == "" {
		return fmt.Errorf("%s (see %s --help)", text, meant(err))
	}
	text, _, _ = strings.Cut(text, ", did you mean")
	return fmt.Errorf("%s; %s (see %s --help)", text, hint, meant(err))
}

// otherFlags are the words that people have for our flags.
var otherFlags = map[string]string{
	"url": "api", "node": "api", "host": "api", "address": "api", "addr": "api", "server": "api", "endpoint": "api", "port": "api", "listen": "api", "at": "api",
	"file": "config", "conf": "config", "cfg": "config", "configuration": "config", "settings": "config",
	"bearer": "token", "token-file": "token", "auth": "token", "authorization": "token", "key": "token",
	"out": "output", "archive": "output", "format": "json", "follow": "watch",
}

// otherFlag names the flag of a command that is meant by one that it has not, or by a configuration that stands alone; empty if none comes to mind.
func otherFlag(err error) string {
	parse := (*kong.ParseError)(nil)
	if !errors.As(err, &parse) || parse.Context.Selected() == nil {
		return ""
	}
	meant, value := "", ""
	if _, unknown, found := strings.Cut(err.Error(), "unknown flag --"); found {
		unknown, _, _ = strings.Cut(unknown, ",")
		unknown, _, _ = strings.Cut(unknown, "=")
		meant = otherFlags[strings.ToLower(unknown)]
	} else if _, word, found := strings.Cut(err.Error(), "unexpected argument "); found {
		if word, _, _ = strings.Cut(word, ","); isFile(word) || strings.HasSuffix(word, ".yaml") || strings.HasSuffix(word, ".yml") {
			meant, value = "config", " "+inWords(word)
		}
	}
	for _, group := range parse.Context.Selected().AllFlags(true) {
		for _, flag := range group {
			if flag.Name == meant {
				return "did you mean --" + meant + value + "?"
			}
		}
	}
	return ""
}

// below is the advice for what follows a command that has others below it.
func below(args []string, at *kong.Node) string {
	if len(at.Children) == 0 || len(args) < 2 || strings.HasPrefix(args[1], "-") {
		return ""
	}
	if next := childOf(at, args[1]); next != nil {
		return below(args[1:], next)
	}
	return nearest(args[1], at)
}

// nearest names the command below node that a misspelt word is near to, and its siblings if it is near to none.
func nearest(word string, at *kong.Node) string {
	var names []string
	for _, child := range at.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	path := ""
	for node := at; node.Parent != nil; node = node.Parent {
		path = node.Name + " " + path
	}
	if found := strict.Nearest(word, append(slices.Clone(names), "help", "version")); found != "" {
		return "did you mean dodona " + path + found + "?"
	}
	if at.Parent != nil {
		return "there are " + strict.ListOf(names)
	}
	return ""
}
