//go:build integration

package sql

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

var tables atomic.Int64

// subject is a source of a table of its own, which has something to say: a row. Its peer is running.
func (p *peer) subject(t *testing.T, watermark bool) sourcetest.Subject {
	t.Helper()
	table := fmt.Sprintf("said%d", tables.Add(1))
	id := map[Driver]string{postgresDriver: "bigserial PRIMARY KEY", mysqlDriver: "bigint AUTO_INCREMENT PRIMARY KEY", sqliteDriver: "INTEGER PRIMARY KEY"}[p.driver]
	p.exec(t, fmt.Sprintf("CREATE TABLE %s (id %s, n int, unit varchar(9), note varchar(1000))", table, id))
	say := func(t *testing.T, n int) {
		t.Helper()
		p.exec(t, fmt.Sprintf("INSERT INTO %s (n, unit) VALUES (%d, 'Cel')", table, n))
	}
	s := sourcetest.Subject{Kind: Kind, Resumes: watermark, Say: say}
	settings := p.settings("SELECT * FROM "+table+" ORDER BY id DESC LIMIT 1", func(s *Settings) { s.Timeout, s.ConnectTimeout = 2*time.Second, 2*time.Second })
	if watermark {
		settings.Query, settings.Watermark, settings.LookBack, settings.Every = "SELECT * FROM "+table, []string{"id"}, "5", 20*time.Millisecond
	}
	s.Settings = settings
	s.Faults.Flood = func(t *testing.T, n int) {
		t.Helper()
		numbers := map[Driver]string{
			postgresDriver: fmt.Sprintf("generate_series(1,%d) AS g(i)", n), mysqlDriver: fmt.Sprintf("(SELECT seq AS i FROM seq_1_to_%d) AS g", n),
			sqliteDriver: fmt.Sprintf("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) SELECT i FROM n) AS g", n),
		}[p.driver]
		p.exec(t, fmt.Sprintf("INSERT INTO %s (n, unit, note) SELECT i, 'Cel', '%s' FROM %s ORDER BY i", table, strings.Repeat("x", 960), numbers))
	}
	return s
}

func TestSuiteOfPostgreSQL(t *testing.T) { suite(t, startPostgres(t)) }

func TestSuiteOfMariaDB(t *testing.T) { suite(t, startMariaDB(t)) }

// suite runs the suite with a server that is killed and started again.
func suite(t *testing.T, p *peer) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		if strings.Contains(t.Name(), "/Faults/") {
			return sourcetest.Subject{} // they are tried with servers of their own
		}
		p.alive()
		s := p.subject(t, true)
		p.kill(t)
		s.Start = func(*testing.T) { p.process.Restart() }
		s.Stop = func(t *testing.T) { p.kill(t) }
		return s
	})
}

// alive starts the server again if it has ended.
func (p *peer) alive() {
	select {
	case <-p.process.Ended():
		p.process.Restart()
	default:
	}
}

func TestSuiteOfSQLite(t *testing.T) {
	for name, watermark := range map[string]bool{"Latest": false, "Watermark": true} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
				p := startSQLite(t)
				s := p.subject(t, watermark)
				path := s.Settings.(*Settings).Path
				move := func(from, to string) {
					for _, tail := range []string{"", "-wal", "-shm"} {
						_ = os.Rename(from+tail, to+tail) // it may not be there
					}
				}
				say := s.Say
				s.Start = func(*testing.T) { move(path+".away", path) }
				s.Stop = func(*testing.T) { move(path, path+".away") }
				s.Say = func(t *testing.T, n int) { say(t, n) }
				s.Stop(t)
				s.Faults.Flood = nil
				return s
			})
		})
	}
}

// TestFaults freezes PostgreSQL for 25 s, and MariaDB until that is told: the same code waits for both.
func TestFaults(t *testing.T) {
	sourcetest.RunFaultsOfEach(t, map[string]func(*testing.T) sourcetest.Subject{
		"PostgreSQL": faults(t, func(t testing.TB) *peer { return startPostgres(t) }, 25*time.Second),
		"MariaDB":    faults(t, func(t testing.TB) *peer { return startMariaDB(t) }, 0),
	})
}

// faults freezes, kills and floods a server of its own each, and has the way to another one lose, delay and drip what it says.
func faults(t *testing.T, start func(testing.TB) *peer, freeze time.Duration) func(*testing.T) sourcetest.Subject {
	shared := start(t)
	return func(t *testing.T) sourcetest.Subject {
		if p := shared; !strings.HasSuffix(t.Name(), "Freeze") && !strings.HasSuffix(t.Name(), "Kill") {
			s := p.subject(t, !strings.HasSuffix(t.Name(), "Drip") && !strings.HasSuffix(t.Name(), "LateAnswer"))
			settings := s.Settings.(*Settings)
			relay := nettest.NewRelay(t, settings.Address)
			settings.Address = relay.Address
			s.Faults.Vanish = func(*testing.T) { relay.Freeze() }
			s.Faults.Drip, s.Faults.Flow = func(*testing.T) { relay.Drip(time.Second) }, func(*testing.T) { relay.Resume() }
			s.Faults.Late = func(*testing.T) { relay.Late() }
			return s
		}
		p := start(t)
		s := p.subject(t, true)
		s.Start = func(*testing.T) { p.alive() }
		s.Faults.FreezeFor = freeze
		s.Faults.Freeze = func(t *testing.T) { p.signal(t, syscall.SIGSTOP) }
		s.Faults.Thaw = func(t *testing.T) { p.signal(t, syscall.SIGCONT) }
		s.Faults.Kill = func(t *testing.T) { p.kill(t) }
		return s
	}
}
