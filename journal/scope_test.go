package journal

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/nats-io/nats.go/jetstream"
)

// joinAs opens a journal of a node and a network, in a folder of its own, on the server of the first.
func joinAs(t testing.TB, first *Journal, node string, network dodona.Digest) *Journal {
	t.Helper()
	return open(t, Config{Node: node, Network: network, URL: "nats://" + first.Addr().String()})
}

// TestNetworksOfAServerDoNotMeet: equal nodes' names, keys, readers and modules in two networks.
func TestNetworksOfAServerDoNotMeet(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0", Network: dodona.Digest{0xaa}})
	b := joinAs(t, a, "gw-1", dodona.Digest{0xbb})
	ctx := t.Context()
	key := "observation.boiler.ab"
	if err := a.Append(ctx, reading(1), claim(key, 0), dodona.Record{Topic: dodona.TopicData, Key: "boiler", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	for topic, key := range map[dodona.Topic]string{dodona.TopicReading: "kraken", dodona.TopicClaim: key, dodona.TopicData: "boiler"} {
		if rec, err := b.Last(ctx, topic, key); !errors.Is(err, dodona.ErrNotFound) {
			t.Errorf("the other network finds %s %+v, %v", topic, rec, err)
		}
	}
	// The same claim, and another one of its round, are no conflicts there.
	if err := b.Append(ctx, reading(2), dodona.Record{Topic: dodona.TopicClaim, Key: key, ID: "0-0xcd"}); err != nil {
		t.Fatal(err)
	}
	for i, j := range []*Journal{a, b} {
		want := []string{"1", "2"}[i]
		if recs := read(t, j, "me", 1, dodona.TopicReading); len(recs) != 1 || recs[0].ID != want {
			t.Errorf("a reader of the network %s got %+v, want reading %s", j.cfg.Network.Short(), recs, want)
		}
	}
	if err := a.KeepModule(ctx, dodona.Digest{1}, []byte("wasm")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Module(ctx, dodona.Digest{1}); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("the other network has the module: %v", err)
	}
}

// TestNodesOfANetworkHaveTheirOwn: readers and last records; what they agree on is shared.
func TestNodesOfANetworkHaveTheirOwn(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0"})
	b := joinAs(t, a, "gw-2", dodona.Digest{})
	ctx := t.Context()
	for i, j := range []*Journal{a, b} {
		if err := j.Append(ctx, reading(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	for i, j := range []*Journal{a, b} {
		rec, err := j.Own().Last(ctx, dodona.TopicReading, "kraken")
		if want := reading(i + 1).ID; err != nil || rec.ID != want {
			t.Errorf("node %s: its last reading is %q, %v, want %s", j.cfg.Node, rec.ID, err, want)
		}
		for rec, err := range j.Own().Scan(ctx, dodona.TopicReading, "kraken", nil) {
			if err != nil || rec.Node != j.cfg.Node {
				t.Errorf("node %s scans %+v, %v as its own", j.cfg.Node, rec, err)
			}
		}
		if rec, err := j.Last(ctx, dodona.TopicReading, "kraken"); err != nil || rec.ID != "2" {
			t.Errorf("node %s: the last reading of all is %q, %v, want 2", j.cfg.Node, rec.ID, err)
		}
		if recs := read(t, j, "me", 2, dodona.TopicReading); len(recs) != 2 {
			t.Errorf("node %s reads %d records, want both", j.cfg.Node, len(recs))
		}
	}
	if err := a.Append(ctx, dodona.Record{Topic: dodona.TopicData, Key: "boiler", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if rec, err := b.Own().Last(ctx, dodona.TopicData, "boiler"); err != nil || rec.ID != "1" {
		t.Errorf("the answer that the other node wrote: %q, %v", rec.ID, err)
	}
}

// TestOneNameIsOneProcess: of a network; another network may have it too, and it is free when its process ends.
func TestOneNameIsOneProcess(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0"})
	url := "nats://" + a.Addr().String()
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "gw-1", URL: url})
	if err == nil || !strings.Contains(err.Error(), "is the node gw-1") || !strings.Contains(err.Error(), "another node.name") {
		t.Fatalf("a second process of the name: %v", err)
	}
	joinAs(t, a, "gw-1", dodona.Digest{1})
	b := joinAs(t, a, "gw-2", dodona.Digest{})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	joinAs(t, a, "gw-2", dodona.Digest{})
}

// TestACopyOfADataFolderIsAnotherProcess: what it copies, the name and the writer, does not make it the same one.
func TestACopyOfADataFolderIsAnotherProcess(t *testing.T) {
	server := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	cfg := Config{Dir: t.TempDir(), Node: "gw-1", URL: "nats://" + server.Addr().String()}
	if err := open(t, cfg).Append(t.Context(), reading(1)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	copyLive(t, dir, cfg.Dir)
	cfg.Dir = dir
	j, err := Open(t.Context(), cfg)
	if err == nil {
		_ = j.Close()
		t.Fatal("the copy runs beside its original")
	}
	if !strings.Contains(err.Error(), "is the node gw-1") || !strings.Contains(err.Error(), "a copy of this data folder") {
		t.Errorf("the copy is refused with %v", err)
	}
}

// TestForeignStreamsAreRefused: by name of ours, and of the layout before networks.
func TestForeignStreamsAreRefused(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0", Network: dodona.Digest{0xaa}})
	ours := dodona.Digest{0xbb}
	name := scopeOf(ours).stream(streamProof)
	for _, c := range []struct {
		what string
		made jetstream.StreamConfig
		want string
	}{
		{"another network's", jetstream.StreamConfig{Name: name, Metadata: map[string]string{layoutKey: layout, networkKey: "0xcc"}}, `belongs to the network "0xcc"`},
		{"nobody's", jetstream.StreamConfig{Name: name}, "made by another program"},
		{"a later layout's", jetstream.StreamConfig{Name: name, Metadata: map[string]string{layoutKey: "3"}}, "another layout"},
		{"the first layout's", jetstream.StreamConfig{Name: streamProof, Subjects: []string{"oracle.claim.>", "oracle.data.>"}}, "older version"},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.made.MaxBytes = 1 << 20
			if _, err := a.js.CreateStream(t.Context(), c.made); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := a.js.DeleteStream(context.WithoutCancel(t.Context()), c.made.Name); err != nil {
					t.Error(err)
				}
			}()
			_, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "gw-1", Network: ours, URL: "nats://" + a.Addr().String()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("open: %v, want %q", err, c.want)
			}
		})
	}
	t.Run("somebody's of an old name", func(t *testing.T) {
		if _, err := a.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: streamProof, Subjects: []string{"proof.of.pudding"}, MaxBytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		joinAs(t, a, "gw-1", ours)
	})
}

// TestAFolderKeepsEachNetworkApart: a node whose network changes and changes back finds its claims, and no loss.
func TestAFolderKeepsEachNetworkApart(t *testing.T) {
	dir := t.TempDir()
	for turn, network := range []dodona.Digest{{0xaa}, {0xbb}, {0xaa}} {
		j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1", Network: network})
		if err != nil {
			t.Fatalf("turn %d: %v", turn, err)
		}
		last, err := j.Last(t.Context(), dodona.TopicClaim, "report.x.ab")
		if turn < 2 && !errors.Is(err, dodona.ErrNotFound) || turn == 2 && (err != nil || last.ID != claimID(0)) {
			t.Errorf("turn %d: the last claim is %q, %v", turn, last.ID, err)
		}
		if err := j.Append(t.Context(), claim("report.x.ab", turn/2), reading(turn)); err != nil {
			t.Fatal(err)
		}
		if err := j.KeepModule(t.Context(), dodona.Digest{1}, bytes.Repeat([]byte("wasm"), 1000)); err != nil {
			t.Fatalf("turn %d: %v", turn, err)
		}
		if losses, err := j.Audit(t.Context()); err != nil || len(losses) > 0 {
			t.Errorf("turn %d: losses %+v, %v", turn, losses, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
