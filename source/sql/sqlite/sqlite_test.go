package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

func made(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
}

func options(path string) session.Options {
	return session.Options{Path: path, Connect: 10 * time.Second, Statement: time.Second, Largest: 1 << 20, Rows: 10}
}

// TestAFileIsOpenedToReadAlone whatever is done to the session afterwards.
func TestAFileIsOpenedToReadAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plant.db")
	made(t, path)
	opened, err := open(t.Context(), options(path))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	c := opened.(*conn).Conn()
	for _, unlock := range []string{"SELECT 1", "PRAGMA query_only=0", "PRAGMA writable_schema=1"} {
		if _, err := c.ExecContext(t.Context(), unlock); err != nil {
			t.Logf("%s: %v", unlock, err)
		}
		for _, writes := range []string{"DELETE FROM t", "INSERT INTO t VALUES (2)", "CREATE TABLE u (id INTEGER)", "UPDATE t SET id=3"} {
			if _, err := c.ExecContext(t.Context(), writes); !errors.Is(judge(err), session.ErrWrites) {
				t.Errorf("after %s, %s: %v", unlock, writes, err)
			}
		}
	}
	if got := rows(t, opened, "SELECT id FROM t"); len(got) != 1 || got[0] != "1" {
		t.Errorf("the table has %v", got)
	}
}

func rows(t *testing.T, s session.Session, statement string) (texts []string) {
	t.Helper()
	err := s.Select(t.Context(), statement, nil, func(_ []session.Column, row []session.Value) bool {
		texts = append(texts, row[0].Text)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestAFileThatWasReplacedIsNotReadAnyMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plant.db")
	if _, err := open(t.Context(), options(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := open(t.Context(), options(filepath.Dir(path))); !errors.Is(err, session.ErrHopeless) {
		t.Errorf("a folder: %v", err)
	}
	made(t, path)
	opened, err := open(t.Context(), options(path))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := opened.Select(context.Background(), "SELECT id FROM t", nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("moved away: %v", err)
	}
	made(t, path)
	if err := opened.Select(context.Background(), "SELECT id FROM t", nil, nil); !errors.Is(err, errReplaced) {
		t.Errorf("replaced: %v", err)
	}
	if err := os.WriteFile(path+".text", []byte("this is no database, whatever it says"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := open(t.Context(), options(path+".text")); err == nil {
		defer text.Close()
		if err := text.Select(t.Context(), "SELECT 1 FROM t", nil, nil); !errors.Is(err, session.ErrHopeless) {
			t.Errorf("a text: %v", err)
		}
	} else if !errors.Is(err, session.ErrHopeless) {
		t.Errorf("a text: %v", err)
	}
}
