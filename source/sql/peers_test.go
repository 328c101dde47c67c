//go:build integration

package sql

import (
	"bytes"
	"context"
	stdsql "database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// A peer is a database that a test may write to, and the settings by which a source reads it.
type peer struct {
	driver Driver
	place  func(s *Settings) // fills in where it is
	exec   func(t testing.TB, statements string)

	process  *peertest.Process // nil for a file
	children bool              // it is several processes, each a group of its own
}

const password = "s3cr3t of the plant"

// settings returns those of a source that asks query.
func (p *peer) settings(query string, more ...func(*Settings)) *Settings {
	s := Kind.Settings().(*Settings)
	s.Driver, s.Query = p.driver, query
	p.place(s)
	for _, change := range more {
		change(s)
	}
	s.Complete()
	return s
}

// family returns the processes of the peer.
func (p *peer) family(t testing.TB) []int {
	t.Helper()
	pids := []int{p.process.Pid()}
	if !p.children {
		return pids
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if parent, _ := strconv.Atoi(fields[1]); parent == p.process.Pid() {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func (p *peer) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	for _, pid := range p.family(t) {
		_ = syscall.Kill(pid, s) // it may have ended
	}
}

func (p *peer) kill(t testing.TB) {
	t.Helper()
	if p.process == nil {
		return
	}
	family := p.family(t)
	p.process.Kill()
	for _, pid := range family[1:] {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		for syscall.Kill(pid, 0) == nil && parentOf(pid) != 1 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 1
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if fields[0] == "Z" {
		return 1
	}
	return 0
}

// folder makes a folder that the user of a service may write to, and returns who that is.
func folder(t testing.TB, service string) (string, *syscall.Credential) {
	t.Helper()
	dir, err := os.MkdirTemp("", "dodona-sql-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // whatever is left
	if os.Geteuid() != 0 {
		return dir, nil
	}
	who, err := user.Lookup(service)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// temporary is the environment of what runs in a folder: a MariaDB that begins removes the temporary tables of others that share /tmp with it.
func temporary(dir string) []string { return append(os.Environ(), "TMPDIR="+dir) }

func run(t testing.TB, as *syscall.Credential, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, temporary(dir), &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// startPostgres starts Debian's PostgreSQL with an owner "edge" and a reader "dodona". Options are further ones of the server.
func startPostgres(t testing.TB, options ...string) *peer {
	t.Helper()
	dir, as := folder(t, "postgres")
	if err := os.WriteFile(dir+"/password", []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, as, dir, filepath.Join(filepath.Dir(peertest.Debian(t, "/usr/lib/postgresql/15/bin/postgres")), "initdb"),
		"-D", dir+"/data", "-U", "edge", "--auth=scram-sha-256", "--pwfile="+dir+"/password", "-E", "UTF8", "--locale=C", "--no-sync")
	port := peertest.Port(t)
	exec := func(t testing.TB, statements string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c, err := pgconn.Connect(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=edge password='%s' dbname=postgres sslmode=prefer", port, password))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(ctx)
		if _, err := c.Exec(ctx, statements).ReadAll(); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	process := peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "/usr/lib/postgresql/15/bin/postgres"), Dir: dir, User: as, Env: temporary(dir),
		Args: append([]string{"-D", dir + "/data", "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir, "-c", "fsync=off", "-c", "shared_buffers=8MB"}, options...),
		Ready: func(ctx context.Context) error {
			c, err := pgconn.Connect(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=edge password='%s' dbname=postgres sslmode=prefer", port, password))
			if err != nil {
				return err
			}
			return c.Close(ctx)
		},
	})
	exec(t, "CREATE USER dodona PASSWORD '"+password+"'; GRANT pg_read_all_data TO dodona")
	p := &peer{driver: postgresDriver, exec: exec, process: process, children: true, place: func(s *Settings) {
		s.Address, s.Database, s.User, s.Password = fmt.Sprintf("127.0.0.1:%d", port), "postgres", "dodona", secret.New(password)
	}}
	t.Cleanup(func() { p.kill(t) })
	return p
}

// startMariaDB starts Debian's MariaDB with an owner "edge" and a reader "dodona".
func startMariaDB(t testing.TB, options ...string) *peer {
	t.Helper()
	dir, as := folder(t, "mysql")
	run(t, as, dir, peertest.Debian(t, "/usr/bin/mariadb-install-db"), "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db")
	port := peertest.Port(t)
	open := func(as string) (*stdsql.DB, error) {
		return stdsql.Open("mysql", fmt.Sprintf("%s@tcp(127.0.0.1:%d)/?multiStatements=true&tls=preferred", as, port))
	}
	exec := func(t testing.TB, as, statements string) {
		t.Helper()
		db, err := open(as)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statements); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	process := peertest.Start(t, peertest.Command{
		Name: peertest.Debian(t, "/usr/sbin/mariadbd"), Dir: dir, User: as, Env: temporary(dir),
		Args: append([]string{
			"--no-defaults", "--datadir=" + dir + "/data", "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--socket=" + dir + "/s.sock",
			"--pid-file=" + dir + "/pid", "--skip-log-bin", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=2", "--character-set-server=latin1", "--max-allowed-packet=32M",
		}, options...),
		Ready: func(ctx context.Context) error {
			db, err := open("root")
			if err != nil {
				return err
			}
			defer db.Close()
			return db.PingContext(ctx)
		},
	})
	exec(t, "root", "CREATE DATABASE plant; CREATE USER edge@'127.0.0.1' IDENTIFIED BY '"+password+"'; GRANT ALL ON *.* TO edge@'127.0.0.1'; "+
		"CREATE USER dodona@'127.0.0.1' IDENTIFIED BY '"+password+"'; GRANT SELECT, EXECUTE ON plant.* TO dodona@'127.0.0.1'")
	p := &peer{driver: mysqlDriver, process: process, exec: func(t testing.TB, statements string) {
		t.Helper()
		exec(t, "root", "USE plant; "+statements)
	}, place: func(s *Settings) {
		s.Address, s.Database, s.User, s.Password = fmt.Sprintf("127.0.0.1:%d", port), "plant", "dodona", secret.New(password)
	}}
	return p
}

// startSQLite makes a file of SQLite, which is written in WAL mode.
func startSQLite(t testing.TB) *peer {
	t.Helper()
	if !slices.Contains(stdsql.Drivers(), "sqlite") {
		t.Skip("this build has no SQLite: make test tries it without the race detector")
	}
	dir, err := os.MkdirTemp("", "dodona-sql-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "plant of 100% #1.db")
	exec := func(t testing.TB, statements string) {
		t.Helper()
		db, err := stdsql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statements); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	exec(t, "CREATE TABLE IF NOT EXISTS made (id INTEGER)")
	return &peer{driver: sqliteDriver, exec: exec, place: func(s *Settings) { s.Path = path }}
}

// handed returns a copy of a file that is a service's own.
func handed(t testing.TB, service, file string) string {
	t.Helper()
	dir, as := folder(t, service)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(own, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := os.Chown(own, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return own
}
