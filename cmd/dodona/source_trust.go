package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/plain"
)

type sourceTrustCommand struct {
	configFile
	Words []string `arg:"" optional:"" name:"name" help:"A source and, to accept what its server shows, the thumbprint of the server's certificate."`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// A trustReport is what dodona source trust prints as JSON.
type trustReport struct {
	Source   string        `json:"source"`
	Own      certificate   `json:"own"`      // what Dodona shows
	Shown    []certificate `json:"shown"`    // by the source's servers, and not accepted
	Accepted *certificate  `json:"accepted"` // now
}

// A certificate is what people compare.
type certificate struct {
	Thumbprint string    `json:"thumbprint"`
	Subject    string    `json:"subject"`
	URI        string    `json:"uri"`
	Hosts      string    `json:"hosts"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
}

// Run accepts the certificate that a source's server shows, or shows those that wait for it. It never dials: what is there was shown to a node, or
// to dodona source read.
func (c sourceTrustCommand) Run(term terminal) error {
	words := c.Words
	if other := c.other(); other != "" {
		words = append([]string{other}, words...)
	}
	loaded, path, err := c.open(term)
	if err != nil {
		return err
	}
	s, thumbprint, err := trustedSource(loaded, path, words)
	if err != nil {
		return failure{exitUsage, err}
	}
	folder := filepath.Join(loaded.Node.Data, s.Kind)
	report := trustReport{Source: s.Name, Shown: []certificate{}}
	for _, k := range all.Sources() {
		if k.Name() != s.Kind {
			continue
		}
		if !k.Trusts() {
			return failure{exitUsage, fmt.Errorf("source %s is of kind %s, whose servers prove who they are by other means (see ca, where there is one)", s.Name, s.Kind)}
		}
		if thumbprint != "" {
			accepted, err := k.Accept(folder, s.Name, thumbprint)
			if err != nil {
				return fmt.Errorf("accept a certificate: %w", err)
			}
			one := certificate(accepted)
			report.Accepted = &one
		}
		own, err := k.Own(folder, time.Now())
		if err != nil {
			return err
		}
		report.Own = certificate(own)
		shown, err := k.Shown(folder, s.Name)
		if err != nil {
			return fmt.Errorf("look for certificates: %w", err)
		}
		for _, one := range shown {
			report.Shown = append(report.Shown, certificate(one))
		}
	}
	if c.JSON {
		return printJSON(term.out, report)
	}
	return report.print(term, path)
}

// trustedSource returns the source that words name, and the thumbprint behind it; the only source of its sort if they name none.
func trustedSource(loaded *config.Config, path string, words []string) (s config.Source, thumbprint string, err error) {
	if len(words) == 0 || len(words) > 2 {
		return s, "", errors.New("want the name of a source and, to accept a certificate, its thumbprint: dodona source trust FILE NAME [THUMBPRINT]")
	}
	list, err := chosen(loaded, path, words[:1])
	if err != nil {
		return s, "", err
	}
	return list[0], strings.Join(words[1:], ""), nil
}

// print says what was accepted, what waits, and what the server is to be told.
func (r trustReport) print(term terminal, path string) error {
	if r.Accepted != nil {
		if err := term.line("source %s trusts %s now (%s); to undo it, remove the file of that name from the folder trusted", r.Source, r.Accepted.Thumbprint, r.Accepted.Subject); err != nil {
			return err
		}
	}
	for _, one := range r.Shown {
		if err := term.line("its server showed %s, which nobody accepted yet", one.Thumbprint); err != nil {
			return err
		}
		if err := one.print(term); err != nil {
			return err
		}
		if err := term.line("  compare the thumbprint with the server's own, and then: dodona source trust %s %s %s", plain.ShellWord(path), r.Source, one.Thumbprint); err != nil {
			return err
		}
	}
	if len(r.Shown) == 0 && r.Accepted == nil {
		if err := term.line("no certificate of its server waits to be accepted; dodona source read %s %s asks the server", plain.ShellWord(path), r.Source); err != nil {
			return err
		}
	}
	if err := term.line("Dodona shows %s, which the server must trust", r.Own.Thumbprint); err != nil {
		return err
	}
	return r.Own.print(term)
}

func (c certificate) print(term terminal) error {
	return term.line("  %s, %s, for %s, valid %s to %s", c.Subject, cmp.Or(c.URI, "no URI"), cmp.Or(c.Hosts, "no host"), c.From.UTC().Format(time.DateOnly), c.Until.UTC().Format(time.DateOnly))
}
