//go:build integration

package fieldtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// servers are the peers that are programs on a computer.
var servers = []maker{
	{"libcoap", startLibcoap},
	{"aiocoap", startAiocoap},
	{"mosquitto", startMosquitto},
	{"sparkplug", startSparkplug},
	{"postgres", startPostgres},
	{"mariadb", startMariaDB},
	{"sqlite", startSQLite},
	{"websocket", startWebSocket},
	{"nginx", startNginx},
	{"file", startFile},
	{"anvil", startAnvil},
}

func startLibcoap(t testing.TB, many bool) *peer {
	port, client := peertest.UDPPort(t), peertest.Debian(t, "coap-client-openssl")
	server := peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "coap-server-openssl"), Args: []string{"-A", "127.0.0.1", "-p", strconv.Itoa(port)},
		Ready: func(ctx context.Context) error {
			return exec.CommandContext(ctx, client, "-B", "1", fmt.Sprintf("coap://127.0.0.1:%d/", port)).Run()
		},
	})
	return &peer{
		parts: []*peertest.Process{server},
		sources: sourcesOf("coap-poll", many, 1, 2, []string{""}, func(int) string {
			return fmt.Sprintf(`coap: {url: "coap://127.0.0.1:%d/time", timeout: 2s, ack_timeout: 500ms}, value: {regex: ':([0-9]+)$'}`, port)
		}),
	}
}

func startAiocoap(t testing.TB, many bool) *peer {
	port, file := peertest.UDPPort(t), filepath.Join(t.TempDir(), "value")
	say := func(context.Context) { _ = durable.Write(file, document(), 0o600) } // told a second later again
	say(context.Background())
	args := []string{testdata(t, "coap", "peer.py"), strconv.Itoa(port), file}
	return &peer{
		parts: []*peertest.Process{peertest.Start(t, peertest.Command{Name: peertest.Python(t), Args: args, ReadyLine: "ready"})},
		sources: sourcesOf("coap-observe", many, 1, 3, abcd, func(int) string {
			return fmt.Sprintf(`coap: {url: "coap://127.0.0.1:%d/value", observe: true, renew: 3s, expect: 2s, timeout: 4s, ack_timeout: 500ms, ping: 2s}, %s`, port, abcdRules)
		}),
		talk: say,
	}
}

// publish has a client of the broker at a URL publish a document on topics each second.
func publish(url, id string, topics int) func(context.Context) {
	var conn *mqttc.Conn
	var s mqttc.Settings
	s.Default()
	s.URL, s.ConnectTimeout = url, 2*time.Second
	return func(ctx context.Context) {
		limited, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if conn == nil {
			var err error
			if conn, err = new(mqttc.Dialer).Dial(limited, mqttc.Config{Settings: s, ClientID: id, Clean: true}); err != nil {
				conn = nil
				return
			}
			context.AfterFunc(ctx, conn.Abort)
		}
		for n := 1; n <= topics; n++ {
			if err := conn.Publish(limited, mqttc.Message{Topic: fmt.Sprintf("plant/%d", n), Payload: document(), QoS: 1}); err != nil {
				conn.Abort()
				conn = nil
				return
			}
		}
	}
}

func startMosquitto(t testing.TB, many bool) *peer {
	b := mosquittotest.Start(t, mosquittotest.Options{})
	p := &peer{parts: []*peertest.Process{b.Process}, sources: sourcesOf("mqtt", many, 2, 6, abcd, func(n int) string {
		return fmt.Sprintf("mqtt: {url: %q, topics: [plant/%d], expect: 2s, keep_alive: 2s, connect_timeout: 3s}, %s", b.URL, n, abcdRules)
	})}
	p.talk = publish(b.URL, "publisher", len(p.sources))
	return p
}

// startSparkplug has an edge node of mqtt-spb-wrapper and a broker of its own.
func startSparkplug(t testing.TB, _ bool) *peer {
	python := peertest.Sparkplug(t)
	b := mosquittotest.Start(t, mosquittotest.Options{})
	_, port, _ := strings.Cut(strings.TrimPrefix(b.URL, "mqtt://"), ":")
	edge := peertest.Start(t, peertest.Command{Name: python, Args: []string{testdata(t, "mqtt", "wrapper.py"), port}, ReadyLine: "born"})
	return &peer{
		parts: []*peertest.Process{b.Process, edge},
		again: edge.Restart, // it ends when its broker does, and stops listening at the first command
		sources: sourcesOf("sparkplug", false, 1, 1, []string{"load", "temp"}, func(int) string {
			return fmt.Sprintf("mqtt: {url: %q, sparkplug: {rebirth: false}, expect: 2s, keep_alive: 2s, connect_timeout: 3s, metrics: {load: {group: G, edge: E, metric: load}, temp: {group: G, edge: E, device: D, metric: temp}}}", b.URL)
		}),
	}
}

// service makes a folder that the user of a service may write to, and returns who that is.
func service(t testing.TB, name string) (dir string, as *syscall.Credential) {
	dir, err := os.MkdirTemp("", "dodona-field-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // whatever is left
	if os.Geteuid() != 0 {
		return dir, nil
	}
	who, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatalf("%v", err)
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// run runs a program to its end.
func run(t testing.TB, as *syscall.Credential, dir, name string, args ...string) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// databaseSources read what a server computes: its newest row, or a new row each second, by a watermark.
func databaseSources(driver, access, second string, many bool) []source {
	list := sourcesOf("sql-"+driver, many, 1, 2, abcd, func(n int) string {
		const columns = "id %% 100 AS a, id %% 100 + 0.5 AS b, 7 AS c, 8 AS d"
		query := fmt.Sprintf("SELECT "+columns+" FROM (SELECT %s AS id) AS s", second)
		how := "connect_timeout: 2s, timeout: 2s"
		if n%2 == 1 {
			query = fmt.Sprintf("SELECT id, "+columns+" FROM (SELECT %s AS id) AS s", second)
			how += ", watermark: [id], every: 500ms, expect: 2s"
		}
		return fmt.Sprintf("sql: {driver: %s, %s, query: %q, %s}, %s", driver, access, query, how, abcdRules)
	})
	return list
}

const password = "s3cr3t-of-the-plant"

func startPostgres(t testing.TB, many bool) *peer {
	bin := filepath.Dir(peertest.Debian(t, "/usr/lib/postgresql/15/bin/postgres"))
	dir, as := service(t, "postgres")
	if err := os.WriteFile(dir+"/password", []byte(password), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
	run(t, as, dir, bin+"/initdb", "-D", dir+"/data", "-U", "dodona", "--auth=scram-sha-256", "--pwfile="+dir+"/password", "-E", "UTF8", "--locale=C", "--no-sync")
	port := peertest.Port(t)
	server := peertest.Start(t, peertest.Command{
		Name: bin + "/postgres", Dir: dir, User: as,
		Args: []string{"-D", dir + "/data", "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir, "-c", "fsync=off", "-c", "shared_buffers=8MB"},
		Ready: func(ctx context.Context) error {
			return exec.CommandContext(ctx, bin+"/pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run()
		},
	})
	access := fmt.Sprintf(`address: "127.0.0.1:%d", database: postgres, user: dodona, password: %s`, port, password)
	return &peer{parts: []*peertest.Process{server}, sources: databaseSources("postgres", access, "floor(extract(epoch FROM clock_timestamp()))::bigint", many)}
}

// startMariaDB is not for the short run: its server takes a core for ten seconds to begin.
func startMariaDB(t testing.TB, many bool) *peer {
	if !many {
		return &peer{}
	}
	dir, as := service(t, "mysql")
	run(t, as, dir, peertest.Debian(t, "/usr/bin/mariadb-install-db"), "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db")
	port := peertest.Port(t)
	client := func(ctx context.Context, statement string) error {
		return exec.CommandContext(ctx, peertest.Debian(t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(port), "-u", "root", "-e", statement).Run()
	}
	server := peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "/usr/sbin/mariadbd"), Dir: dir, User: as,
		Args: []string{
			"--no-defaults", "--datadir=" + dir + "/data", "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--socket=" + dir + "/s.sock", "--pid-file=" + dir + "/pid",
			"--skip-log-bin", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=2",
		},
		Ready: func(ctx context.Context) error { return client(ctx, "SELECT 1") },
	})
	if err := client(context.Background(), "CREATE DATABASE plant; CREATE USER dodona@'127.0.0.1' IDENTIFIED BY '"+password+"'; GRANT SELECT ON plant.* TO dodona@'127.0.0.1'"); err != nil {
		t.Fatalf("%v", err)
	}
	access := fmt.Sprintf(`address: "127.0.0.1:%d", database: plant, user: dodona, password: %s`, port, password)
	return &peer{parts: []*peertest.Process{server}, sources: databaseSources("mysql", access, "UNIX_TIMESTAMP()", many)}
}

// startSQLite has a file that another program writes to, which may be frozen while it does.
func startSQLite(t testing.TB, _ bool) *peer {
	path := filepath.Join(t.TempDir(), "plant.db")
	const script = `
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS said (id INTEGER PRIMARY KEY, a, b, c, d)")
print("ready", flush=True)
while True:
    n = int(time.time()) % 1000
    db.execute("INSERT INTO said (a, b, c, d) VALUES (?, ?, ?, ?)", (n, n + 0.5, n + 1, n + 2))
    time.sleep(0.5)
`
	writer := peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "python3"), Args: []string{"-c", script, path}, ReadyLine: "ready"})
	return &peer{parts: []*peertest.Process{writer}, sources: sourcesOf("sql-sqlite", false, 1, 1, abcd, func(int) string {
		return fmt.Sprintf("sql: {driver: sqlite, path: %q, query: SELECT * FROM said, watermark: [id], every: 500ms, expect: 2s, timeout: 2s}, %s", path, abcdRules)
	})}
}

func startWebSocket(t testing.TB, many bool) *peer {
	port := peertest.Port(t)
	c := peertest.Node(t, testdata(t, "websocket", "peer.js"), strconv.Itoa(port), "127.0.0.1")
	c.ReadyLine = "ready"
	server := peertest.Start(t, c)
	address := "127.0.0.1:" + strconv.Itoa(port)
	tell := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	return &peer{
		parts: []*peertest.Process{server},
		sources: sourcesOf("websocket", many, 1, 4, abcd, func(n int) string {
			return fmt.Sprintf(`websocket: {url: "ws://%s/stream", subscribe: [{send: '{"op":"subscribe","id":%d}', ack: {/op: subscribe, /success: true}}], take: [{/a: '*'}], expect: 2s, timeout: 3s, ping: 2s, pong: 2s}, %s`, address, n, abcdRules)
		}),
		talk: func(ctx context.Context) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/say", bytes.NewReader(document()))
			if err != nil {
				return
			}
			if answer, err := tell.Do(r); err == nil {
				answer.Body.Close()
			}
		},
	}
}

func startNginx(t testing.TB, many bool) *peer {
	dir, port := t.TempDir(), peertest.Port(t)
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log; events { worker_connections 64; }\nhttp { access_log off; client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5; server { listen 127.0.0.1:%[2]d; default_type application/json; location / { return 200 '{\"a\":1,\"b\":2.5,\"c\":3,\"d\":4}'; } } }\n", dir, port)
	if err := os.WriteFile(dir+"/nginx.conf", []byte(conf), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	args := []string{"-p", dir, "-c", dir + "/nginx.conf", "-e", dir + "/error.log"}
	return &peer{
		parts: []*peertest.Process{peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "nginx"), Args: args, Ready: peertest.Dial(port)})},
		sources: sourcesOf("http", many, 1, 4, abcd, func(int) string {
			return fmt.Sprintf(`http: {url: "http://127.0.0.1:%d/", timeout: 2s}, %s`, port, abcdRules)
		}),
	}
}

// startFile has a program write a document, and lines to another file.
func startFile(t testing.TB, _ bool) *peer {
	dir := t.TempDir()
	const script = `
import os, sys, time
os.chdir(sys.argv[1])
first = True
while True:
    n = int(time.time()) % 1000
    said = '{"a":%d,"b":%d.5,"c":%d,"d":%d}\n' % (n, n, n + 1, n + 2)
    with open("document.new", "w") as f:
        f.write(said)
    os.rename("document.new", "document.json")
    with open("lines.jsonl", "a") as f:
        f.write(said)
    if first:
        print("ready", flush=True)
        first = False
    time.sleep(0.5)
`
	writer := peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "python3"), Args: []string{"-c", script, dir}, ReadyLine: "ready"})
	return &peer{parts: []*peertest.Process{writer}, sources: sourcesOf("file", true, 2, 2, abcd, func(n int) string {
		if n == 1 {
			return fmt.Sprintf("file: {path: %q}, %s", dir+"/document.json", abcdRules)
		}
		return fmt.Sprintf("file: {path: %q, format: lines, every: 500ms, expect: 2s}, %s", dir+"/lines.jsonl", abcdRules)
	})}
}

// startAnvil has a contract that says 42, which a chain that begins anew forgets.
func startAnvil(t testing.TB, many bool) *peer {
	if l, is := t.(*lacking); is {
		l.optional = true
	}
	port := peertest.Port(t)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	const contract = "0x00000000000000000000000000000000000000c0"
	again := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		client, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{url}, Timeout: time.Minute})
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		defer client.Close()
		if err := client.Call(ctx, nil, "anvil_setCode", contract, "0x602a5f5260205ff3"); err != nil {
			t.Errorf("anvil_setCode: %v", err)
		}
	}
	args := []string{"--port", strconv.Itoa(port), "--silent", "--hardfork", "osaka", "--block-time", "1"}
	p := &peer{
		parts: []*peertest.Process{peertest.Start(t, peertest.Command{Name: anviltest.Program(t), Args: args, Dir: t.TempDir(), Ready: peertest.Dial(port)})},
		again: again,
		sources: sourcesOf("evm", many, 1, 2, []string{""}, func(int) string {
			return fmt.Sprintf(`evm: {rpc: [%q], chain_id: %d, contract: %q, call: "value()(uint256 value)", timeout: 2s}, value: /result/value`, url, anviltest.ChainID, contract)
		}),
	}
	again()
	return p
}
