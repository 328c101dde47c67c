package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// pages asks for a list until no page follows.
func pages[P, T any](ctx context.Context, node client, path string, of func(P) (items []T, next string)) ([]T, error) {
	var all []T
	for query := ""; ; {
		body, err := node.ask(ctx, http.MethodGet, path+query, "application/json")
		if err != nil {
			return nil, err
		}
		var page P
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		items, next := of(page)
		if all = append(all, items...); next == "" {
			return all, nil
		}
		if len(items) == 0 {
			return nil, fmt.Errorf("read %s: the node names a next page after an empty one", path)
		}
		query = "?from=" + url.QueryEscape(next)
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
