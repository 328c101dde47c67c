package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/node"
)

type statusCommand struct{ nodeFlags }

// Run prints the health of a node, and a line for each of its readers, feeds, sources, modules and sinks.
func (c statusCommand) Run(ctx context.Context, term terminal) error {
	body, err := c.ask(ctx, http.MethodGet, "/v1/status", "application/json")
	if err != nil {
		return err
	}
	if c.JSON {
		return printRaw(term.out, body)
	}
	var s api.Status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if s.Node == "" {
		return fmt.Errorf("read status: what %s answers names no node: it is no Dodona node (--api says where one is)", c.API)
	}
	ready := "ready"
	if !s.Ready {
		ready = "NOT READY"
	}
	term.line("node     %s %s, %s, up %s, version %s", s.Node, s.Address.Short(), ready, s.Now.Sub(s.Started).Round(time.Second), s.Version)
	term.line("network  %s, %d of %d", s.Network.Name, s.Quorum.K, len(s.Quorum.Members))
	term.line("journal  %s, %d records, %.1f of %.1f MiB, %d waiting for readers, %d freed",
		s.Journal.Message, s.Journal.Records, mebibytes(s.Journal.Bytes), mebibytes(s.Journal.Limit), s.Journal.Backlog, s.Journal.Dropped)
	for _, r := range s.Journal.Readers {
		term.line("reader   %s", readerLine(s.Node, r))
	}
	term.line("memory   %.1f MiB, the heap's goal is %.1f MiB", mebibytes(s.Memory.Used), mebibytes(s.Memory.Budget))
	for _, p := range s.Problems {
		term.line("problem  %s: %s", p.Part, p.Message)
	}
	if err := c.lists(ctx, term); err != nil {
		return err
	}
	for _, m := range s.Modules {
		term.line("module   %s", moduleLine(m))
	}
	for _, k := range s.Sinks {
		term.line("sink     %s", sinkLine(s, k))
	}
	return nil
}

// moduleLine says how the module of a feed has fared.
func moduleLine(m api.ModuleStatus) string {
	state := "running"
	switch {
	case m.Loading:
		state = "being loaded"
	case !m.Running:
		state = "not running"
	}
	line := fmt.Sprintf("%s  %s %s  %s, %s, %d failed", m.Feed, m.Name, m.Version, state, count(int(m.Events), "event"), m.Failed)
	if m.Failed > 0 || !m.Running {
		line += because(m.LastError)
	}
	return line
}

// sinkLine says how far a sink has come, and what stands in its way.
func sinkLine(s api.Status, k api.SinkStatus) string {
	waiting := k.Queue
	for _, r := range s.Journal.Readers {
		if r.Name == node.SinkReader(k.Name) && (r.Node == "" || r.Node == s.Node) {
			waiting += int(r.Backlog)
		}
	}
	line := fmt.Sprintf("%s  %s  %s, %d delivered, %d waiting", k.Name, k.Kind, k.State, k.Delivered, waiting)
	if k.Dead > 0 {
		line += fmt.Sprintf(", %d refused for good", k.Dead)
	}
	if k.Attempt == 0 && k.State != "stuck" && k.State != "retrying" { // what it says last is of before
		return line
	}
	if !k.NextTry.IsZero() {
		line += ", next try " + k.NextTry.UTC().Format(time.TimeOnly) + "Z"
	}
	return line + because(k.LastError)
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// lists prints feeds and sources, a line each.
func (c statusCommand) lists(ctx context.Context, term terminal) error {
	feeds, err := pages(ctx, c.nodeFlags, "/v1/feeds", func(p api.FeedPage) ([]api.FeedStatus, string) { return p.Feeds, p.Next })
	if err != nil {
		return err
	}
	sources, err := pages(ctx, c.nodeFlags, "/v1/sources", func(p api.SourcePage) ([]api.SourceStatus, string) { return p.Sources, p.Next })
	if err != nil {
		return err
	}
	for _, f := range feeds {
		answer := "no answer yet"
		if f.Latest != nil {
			answer = fmt.Sprintf("%s, %s", f.Format(f.Latest.Value), f.Latest.Round)
		}
		term.line("feed     %s  %s  %s%s", f.Name, answer, f.Quality, because(f.Reason))
	}
	for _, s := range sources {
		trouble := ""
		if s.Attempt > 0 {
			trouble = because(s.LastError)
		}
		term.line("source   %s  %s  %s, %s, %d failed%s", s.Name, s.Kind, s.State, count(int(s.Exchanges), "exchange"), s.Failures, trouble)
	}
	return nil
}

// readerLine says how a reader of the journal stands.
func readerLine(node string, r api.ReaderStatus) string {
	line := r.Name
	if r.Node != "" && r.Node != node {
		line += " of node " + r.Node
	}
	line += fmt.Sprintf("  %s, %d waiting", r.Stream, r.Backlog)
	if !r.Until.IsZero() {
		line += ", nothing configures it: removed by " + r.Until.Format(time.RFC3339) + ", sooner if there is no room"
	}
	return line
}
