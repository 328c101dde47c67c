package main

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/api"
)

// TestAStatusTellsOfSinksAndModules: one command answers whether the numbers arrive, and if not, why.
func TestAStatusTellsOfSinksAndModules(t *testing.T) {
	next := time.Date(2026, 11, 27, 19, 22, 4, 0, time.UTC)
	s := api.Status{Node: "gw-1"}
	s.Journal.Readers = []api.ReaderStatus{{Name: "sink-hook", Backlog: 83}, {Name: "sink-hook", Node: "gw-2", Backlog: 1000}}
	for _, c := range []struct {
		sink api.SinkStatus
		want string
	}{
		{
			api.SinkStatus{Name: "hook", Kind: "webhook", State: "stuck", Queue: 1, Attempt: 3, NextTry: next, LastError: "HTTP status 404"},
			"hook  webhook  stuck, 0 delivered, 84 waiting, next try 19:22:04Z: HTTP status 404",
		},
		{
			api.SinkStatus{Name: "out", Kind: "stdout", State: "ok", Delivered: 7, Dead: 2, LastError: "of long ago"},
			"out  stdout  ok, 7 delivered, 0 waiting, 2 refused for good",
		},
		{
			api.SinkStatus{Name: "chain", Kind: "evm", State: "stuck", Queue: 1, LastError: "funds: 0x09 cannot pay"},
			"chain  evm  stuck, 0 delivered, 1 waiting: funds: 0x09 cannot pay",
		},
		{
			api.SinkStatus{Name: "chain", Kind: "evm", State: "retrying", LastError: "overdue: in no block"},
			"chain  evm  retrying, 0 delivered, 0 waiting: overdue: in no block",
		},
	} {
		if got := sinkLine(s, c.sink); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	for _, c := range []struct {
		module api.ModuleStatus
		want   string
	}{
		{api.ModuleStatus{Feed: "boiler", Name: "median", Version: "1.0.0", Running: true, Events: 1}, "boiler  median 1.0.0  running, 1 event, 0 failed"},
		{
			api.ModuleStatus{Feed: "boiler", Name: "median", Version: "1.0.0", Events: 9, Failed: 2, LastError: "fuel: used up"},
			"boiler  median 1.0.0  not running, 9 events, 2 failed: fuel: used up",
		},
	} {
		if got := moduleLine(c.module); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
