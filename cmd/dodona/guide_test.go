//go:build integration

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestModulesGuide goes through docs/guide/modules.md as a newcomer would: it makes the files whose names stand in the first
// line of a block, runs the commands of every session in order, and compares what they print with what is written. A command without output in
// the guide must succeed.
func TestModulesGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/guide/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	commands, files := 0, 0
	for _, block := range regexp.MustCompile("(?ms)^```([a-z]+)\\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		kind, content := block[1], block[2]
		if name := regexp.MustCompile(`^# ([a-z_]+\.[a-z]+)\n`).FindStringSubmatch(content); name != nil {
			if err := os.WriteFile(filepath.Join(dir, name[1]), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			files++
		}
		if kind != "console" {
			continue
		}
		for _, step := range strings.Split("\n"+content, "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			for strings.HasSuffix(command, `\`) { // goes on in the next line
				more, rest, _ := strings.Cut(want, "\n")
				command, want = strings.TrimSuffix(command, `\`)+more, rest
			}
			commands++
			if to, found := strings.CutPrefix(command, "cd "); found {
				dir = filepath.Join(dir, to)
				continue
			}
			got, err := guideShell(t, dir, program, command)
			switch want = strings.TrimSpace(want); {
			case want != "": // it may show a refusal
				compare(t, command, normalKeys(got), normalKeys(want))
			case err != nil:
				t.Fatalf("$ %s\n%s%v", command, got, err)
			}
		}
	}
	if commands < 8 || files < 2 {
		t.Errorf("only %d commands and %d files in the guide", commands, files)
	}
}

func guideShell(t *testing.T, dir, program, command string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// normalKeys takes out what differs with every key and compiler.
func normalKeys(s string) string {
	for pattern, with := range map[string]string{
		`ed25519 [A-Za-z0-9+/]{43}=`: "ed25519 KEY",
		`\b[0-9a-f]{16}\b`:           "ID",
		`fuel [0-9,]+ of`:            "fuel FUEL of",
		`from_count [12],`:           "from_count N,",
		`[0-9.]+ ms`:                 "TIME ms",
		`0x[0-9a-f]{64}`:             "DIGEST",
	} {
		s = regexp.MustCompile(pattern).ReplaceAllString(s, with)
	}
	return s
}
