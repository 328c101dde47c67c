package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/dodona-oracle/dodona"
)

type feedWatchCommand struct {
	nodeFlags
	Feed string `arg:"" optional:"" help:"The feed's name; all feeds if it is left out."`
}

// Run prints answers as they are attested, until it is interrupted or the node ends.
func (c feedWatchCommand) Run(ctx context.Context, term terminal) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	path := "/v1/stream?events=answer"
	if c.Feed != "" {
		// A stream of a feed that there is not would be silent for ever.
		if _, err := c.ask(ctx, http.MethodGet, "/v1/feeds/"+url.PathEscape(c.Feed), "application/json"); err != nil {
			return err
		}
		path += "&feed=" + url.QueryEscape(c.Feed)
	}
	response, err := c.send(ctx, http.MethodGet, path, "text/event-stream", 0)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, found := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !found {
			continue
		}
		if err := c.print(term, bytes.TrimSpace(data)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("watch %s: %w", c.API, err)
	}
	return fmt.Errorf("watch %s: the node ended the stream", c.API)
}

func (c feedWatchCommand) print(term terminal, data []byte) error {
	var a dodona.Answer
	if err := json.Unmarshal(data, &a); err != nil || a.Feed.Name == "" {
		return nil // another event, such as reset
	}
	if c.JSON {
		_, err := fmt.Fprintf(term.out, "%s\n", data)
		return err
	}
	report := a.Attestation.Report
	return term.line("%s  %s  %s", report.Round, a.Feed.Name, a.Feed.Format(report.Value))
}
