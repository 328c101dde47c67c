package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

type sinkResendCommand struct {
	nodeFlags
	Sink  string `arg:"" help:"The sink's name."`
	Feed  string `arg:"" optional:"" help:"Whose answer; all dead letters that the status names if it is left out."`
	Round string `arg:"" optional:"" help:"latest, Unix milliseconds, RFC 3339, or a time of day in UTC."`
}

// Run gives answers to a sink once more, and says what became of each.
func (c sinkResendCommand) Run(ctx context.Context, term terminal) error {
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	letters, err := c.letters(ctx, asked)
	if err != nil {
		return err
	}
	failed := 0
	for _, l := range letters {
		receipt, err := c.resend(ctx, asked, l)
		if err != nil {
			failed++
			term.complain(fmt.Errorf("%s %s: %w", l.Key, l.Record, err))
			continue
		}
		if c.JSON {
			err = printJSON(term.out, receipt)
		} else {
			err = term.line("%s %s: %s, %s", l.Key, l.Record, receipt.Status, receipt.Detail)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		verb := "were"
		if failed == 1 {
			verb = "was"
		}
		return failure{exitFailed, fmt.Errorf("%d of %s %s not taken", failed, count(len(letters), "record"), verb)}
	}
	return nil
}

// letters returns what to send.
func (c sinkResendCommand) letters(ctx context.Context, asked client) ([]api.DeadLetter, error) {
	switch {
	case c.Feed != "" && c.Round == "":
		return nil, failure{exitUsage, errors.New("say which round of the feed, such as 12:04:30 or 1795349070000")}
	case c.Feed != "":
		record := c.Round
		if record != "latest" {
			round, err := parseRound(record, time.Now())
			if err != nil {
				return nil, failure{exitUsage, err}
			}
			record = round.ID()
		}
		return []api.DeadLetter{{Topic: string(dodona.TopicData), Key: c.Feed, Record: record}}, nil
	}
	body, err := asked.ask(ctx, http.MethodGet, "/v1/status", "application/json")
	if err != nil {
		return nil, err
	}
	var s api.Status
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	for _, k := range s.Sinks {
		if k.Name != c.Sink {
			continue
		}
		if len(k.DeadLetters) == 0 {
			return nil, fmt.Errorf("sink %s has no dead letters that the status names; name a feed and a round", c.Sink)
		}
		return k.DeadLetters, nil
	}
	return nil, fmt.Errorf("the node runs no sink %q", c.Sink)
}

func (c sinkResendCommand) resend(ctx context.Context, asked client, l api.DeadLetter) (r dodona.Receipt, err error) {
	query := url.Values{"topic": {l.Topic}, "feed": {l.Key}, "round": {l.Record}}
	path := "/v1/sinks/" + url.PathEscape(c.Sink) + "/resend?" + query.Encode()
	response, err := asked.send(ctx, http.MethodPost, path, "application/json", time.Minute) // the node waits for the peer
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 1<<20)).Decode(&r); err != nil {
		return r, fmt.Errorf("read what became of it: %w", err)
	}
	return r, nil
}
