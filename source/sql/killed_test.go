//go:build integration

package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/journal"
)

const (
	nodeKey    = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
	nodeSigner = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
)

// TestKilledNodesReadEachRowOnce kills a node that reads rows while they are written, at random moments: also between a look and what the journal has of it,
// and between the journal and the position. Each row is in the journal once.
func TestKilledNodesReadEachRowOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dodona")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "../../cmd/dodona")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		killedNodesReadEachRowOnce(t, path, startPostgres(t))
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		killedNodesReadEachRowOnce(t, path, startSQLite(t))
	})
}

func killedNodesReadEachRowOnce(t *testing.T, path string, p *peer) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	id := map[Driver]string{postgresDriver: "bigint PRIMARY KEY", sqliteDriver: "INTEGER PRIMARY KEY"}[p.driver]
	p.exec(t, "CREATE TABLE readings (id "+id+", n int)")
	dir, of := t.TempDir(), p.settings("SELECT id, n FROM readings")
	where := fmt.Sprintf("path: %q", of.Path)
	if p.driver == postgresDriver {
		where = fmt.Sprintf("address: %q, database: %s, user: %s, password: %q", of.Address, of.Database, of.User, password)
	}
	text := fmt.Sprintf(`node: {name: gw, data: ./data, key: {hex: %q}}
api: {listen: "127.0.0.1:0"}
sources:
  plant: {sql: {driver: %s, %s, query: %q, watermark: [id], look_back: "20", every: 20ms}, value: {pointer: /n}}
`, nodeKey, p.driver, where, of.Query)
	file := filepath.Join(dir, "node.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() (n *exec.Cmd, said *logtest.Text) {
		said = new(logtest.Text)
		n = exec.Command(path, "run", file)
		n.Dir, n.Stderr, n.SysProcAttr = dir, said, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		return n, said
	}
	written, stop, done := 0, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			var rows []string
			for range 1 + written%7 {
				written++
				rows = append(rows, fmt.Sprintf("(%d, %d)", written, written))
			}
			p.exec(t, "INSERT INTO readings (id, n) VALUES "+strings.Join(rows, ", "))
			time.Sleep(5 * time.Millisecond) // so that some looks find something, and most of them not the same
		}
	}()
	for range 10 {
		n, said := start()
		for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(said.String(), "page and API at "); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the node does not start: %s", said)
			}
		}
		time.Sleep(time.Duration(random.IntN(700)) * time.Millisecond)
		_ = n.Process.Kill()
		_ = n.Wait() // it was killed
	}
	close(stop)
	<-done
	var ids []int
	for try := 0; try < 30 && (len(ids) == 0 || ids[len(ids)-1] != written); try++ {
		n, said := start()
		time.Sleep(time.Duration(1+try) * time.Second)
		_ = n.Process.Signal(syscall.SIGTERM)
		if err := n.Wait(); err != nil {
			t.Fatalf("the node ends with %v: %s", err, said)
		}
		ids = journaledIDs(t, filepath.Join(dir, "data"))
	}
	for i, id := range ids {
		if id != i+1 {
			t.Fatalf("of %d rows, row %d comes behind %d", written, id, i)
		}
	}
	if len(ids) != written {
		t.Fatalf("%d rows are in the journal, want %d", len(ids), written)
	}
	t.Logf("%d rows, each once", written)
}

// journaledIDs returns the rows that a node journaled, in order.
func journaledIDs(t *testing.T, data string) (ids []int) {
	t.Helper()
	var signer dodona.Address
	if err := signer.UnmarshalText([]byte(nodeSigner)); err != nil {
		t.Fatal(err)
	}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{signer}}
	network := dodona.Network{Name: "local", First: quorum.Digest()}
	j, err := journal.Open(context.Background(), journal.Config{Dir: data, Node: "gw", Network: network.ID()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for rec, err := range j.Scan(context.Background(), dodona.TopicReading, "plant", nil) {
		if err != nil {
			t.Fatal(err)
		}
		var exchange dodona.Exchange
		if err := json.Unmarshal(rec.Body, &exchange); err != nil {
			t.Fatal(err)
		}
		for _, r := range exchange.Readings {
			var row struct{ ID, N int }
			if err := json.Unmarshal(r.Body, &row); err != nil || row.ID != row.N {
				t.Fatalf("%s: %v", r.Body, err)
			}
			ids = append(ids, row.ID)
		}
	}
	return ids
}
