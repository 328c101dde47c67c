//go:build integration

package journal

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const kills = 20

// A natsServer is a real one in a process of its own.
type natsServer struct {
	program, dir string
	port         int
	process      *exec.Cmd
}

func startServer(t *testing.T) *natsServer {
	t.Helper()
	dir := t.TempDir()
	s := &natsServer{program: filepath.Join(dir, "nats-server"), dir: dir}
	build := exec.Command("go", "build", "-o", s.program, "github.com/nats-io/nats-server/v2")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the rest is built without the race detector, so that it is compiled once
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nats-server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	config := `listen: "127.0.0.1:` + strconv.Itoa(s.port) + `"
authorization { user: gw, password: "s3cret" }
jetstream { store_dir: "` + filepath.Join(dir, "store") + `", max_file_store: 256MB, sync_interval: always }
`
	if err := os.WriteFile(filepath.Join(dir, "nats.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

func (s *natsServer) url() string { return "nats://gw:s3cret@127.0.0.1:" + strconv.Itoa(s.port) }

func (s *natsServer) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(s.program, "-c", filepath.Join(s.dir, "nats.conf"), "-l", filepath.Join(s.dir, "log"))
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(s.port), time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatal("nats-server does not listen")
}

func (s *natsServer) kill(t *testing.T) {
	t.Helper()
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// TestServerElsewhereIsKilledUnderLoad appends from two nodes and reads while the server is killed and started again.
func TestServerElsewhereIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	limits := Limits{Bytes: 64 * unit.MiB}
	nodes := []*Journal{
		open(t, Config{Node: "gw-1", URL: s.url(), Raw: limits, Proof: limits}),
		open(t, Config{Node: "gw-2", URL: s.url(), Raw: limits, Proof: limits}),
	}
	if where := nodes[0].Status(t.Context()).Where; strings.Contains(where, "s3cret") {
		t.Fatalf("status tells the password: %s", where)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Second)
	defer cancel()
	const callers, each = 8, 60
	var wg sync.WaitGroup
	for _, j := range nodes {
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					key := "c" + strconv.Itoa(c)
					if err := j.Append(ctx, dodona.Record{Topic: dodona.TopicObservation, Key: key, ID: strconv.Itoa(i)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	seen := make(map[string]int)
	n := 0
	for recs, err := range nodes[1].From(ctx, "me", dodona.TopicObservation) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			who := r.Node + " " + r.Key
			if r.ID != strconv.Itoa(seen[who]) {
				t.Fatalf("%s: record %s after %d", who, r.ID, seen[who])
			}
			seen[who]++
			if n++; n%200 == 100 {
				s.kill(t)
				s.start(t)
			}
		}
		if n >= 2*callers*each {
			break
		}
	}
	wg.Wait()
	if n != 2*callers*each {
		t.Fatalf("read %d records, want %d", n, 2*callers*each)
	}
	for _, j := range nodes {
		if losses, err := j.Audit(ctx); err != nil || len(losses) != 0 {
			t.Fatalf("audit: %+v, %v", losses, err)
		}
		status := j.Status(ctx)
		if !status.Connected || status.Streams[1].Audit.Records != callers*each {
			t.Fatalf("status %+v", status)
		}
	}
}

func TestServerElsewhereIsAbsentAtOpen(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := Open(ctx, Config{Dir: t.TempDir(), Node: "gw-1", URL: "nats://gw:s3cret@127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "is it running") || strings.Contains(err.Error(), "s3cret") {
		t.Fatalf("open: %v", err)
	}
}

// smallDisk returns a folder on a disk of 16 MiB.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("only root can mount a small file system: run this test as root")
	}
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskFullBlocksAndGoesOn fills a small file system below the journal, and then makes it larger.
func TestDiskFullBlocksAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	j := open(t, Config{Dir: dir})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	n := 0
	var err error
	for ; err == nil; n++ {
		r := reading(n)
		r.Body = body8k
		for err = context.DeadlineExceeded; err != nil; { // a slow machine is no full disk, which says so
			short, done := context.WithTimeout(ctx, 3*time.Second)
			err = j.Append(short, r, reading(1_000_000+n))
			done()
			if err != nil && (ctx.Err() != nil || j.Status(ctx).Streams[0].Blocked != "") {
				break
			}
		}
	}
	t.Logf("after %d appends: %v", n-1, err)
	if blocked := j.Status(ctx).Streams[0].Blocked; blocked == "" {
		t.Error("status does not tell that appends wait")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	for i := n - 1; i < n+50; i++ { // the one in doubt once more
		r := reading(i)
		r.Body = body8k
		if err := j.Append(ctx, r, reading(1_000_000+i)); err != nil {
			t.Fatalf("append after the disk has room: %v", err)
		}
	}
	if got := all(t, j, dodona.TopicReading, "kraken"); len(got) != 2*(n+50) {
		t.Fatalf("%d records are kept, want %d", len(got), 2*(n+50))
	}
	if losses, err := j.Audit(ctx); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
}

// TestAFullDiskIsNoLoss: what the store could not write, and acknowledged to nobody, it counts among what it lost.
func TestAFullDiskIsNoLoss(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	var told logtest.Text
	j := open(t, Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&told, nil))})
	l := j.lanes[streamProof]
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for n := 0; l.blocked() == ""; n++ {
		short, done := context.WithTimeout(ctx, 3*time.Second)
		_ = j.Append(short, dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "full" + strconv.Itoa(n), Body: body8k})
		done()
		if ctx.Err() != nil {
			t.Fatal("the disk does not become full")
		}
	}
	for range 3 {
		if err := j.seekDropped(ctx, func(string) {}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.measure(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, j, "after", 3, 100)
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) { // it may still connect
		_, err := l.measure(ctx)
		if err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal(err)
		}
	}
	l.keepMark(ctx)
	info, err := l.stream.Info(ctx)
	if err != nil || !timeIn(info, lostKey).IsZero() || j.hasHole(l.streamName) || told.Times("lost") > told.Times("lost the connection") {
		t.Errorf("a loss is noted that was none: %v, %v; told is\n%s", timeIn(info, lostKey), err, told.String())
	}
}

// TestAnotherProcessJoins lets a child of this test append through the port of an embedded server.
func TestAnotherProcessJoins(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0"})
	child := exec.Command(os.Args[0], "-test.run=^TestHelperJoins$")
	child.Env = append(os.Environ(), helperDir+"_URL=nats://"+j.Addr().String())
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	recs := read(t, j, "me", 1, dodona.TopicObservation)
	if len(recs) != 1 || recs[0].Node != "gw-2" {
		t.Fatalf("got %+v", recs)
	}
}

func TestHelperJoins(t *testing.T) {
	url := os.Getenv(helperDir + "_URL")
	if url == "" {
		return // it runs only as a child of TestAnotherProcessJoins
	}
	j := open(t, Config{Node: "gw-2", URL: url})
	if err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicObservation, Key: "btc.usd", ID: "1"}); err != nil {
		t.Fatal(err)
	}
}

// TestServerElsewhereLearnsTopics gives a server a stream as a version made it that did not know every topic.
func TestServerElsewhereLearnsTopics(t *testing.T) {
	s := startServer(t)
	limits := Limits{Bytes: 64 * unit.MiB}
	old := open(t, Config{Node: "gw-1", URL: s.url(), Raw: limits, Proof: limits})
	stream, err := old.js.Stream(t.Context(), old.lanes[streamProof].streamName)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Subjects = slices.DeleteFunc(cfg.Subjects, func(subject string) bool { return subject == old.net.topic(dodona.TopicLeaf) })
	if _, err := old.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	rec := dodona.Record{Topic: dodona.TopicLeaf, Key: "series", ID: "1"}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := old.Append(ctx, rec); err == nil {
		t.Fatal("the stream took a record of a topic that was taken from it: this test tests nothing")
	}
	j := open(t, Config{Node: "gw-2", URL: s.url(), Raw: limits, Proof: limits})
	if err := j.Append(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if got := all(t, j, dodona.TopicLeaf, "series"); len(got) != 1 {
		t.Fatalf("%d records, want 1", len(got))
	}
}
