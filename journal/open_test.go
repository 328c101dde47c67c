package journal

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestListeningBeyondLoopbackWantsAPassword(t *testing.T) {
	for listen, wanted := range map[string]string{
		"0.0.0.0:0":         "wants a password",
		":0":                "wants a password",
		"127.0.0.1":         "want host:port",
		"127.0.0.1:99999":   "want a port",
		"localhost:nowhere": "want a port",
	} {
		_, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "gw-1", Listen: listen})
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("listen %s: %v, want %q", listen, err, wanted)
		}
	}
	j := open(t, Config{Listen: "gw:s3cret@127.0.0.1:0"})
	if _, err := nats.Connect("nats://" + j.Addr().String()); err == nil {
		t.Error("a stranger may join")
	}
	nc, err := nats.Connect("nats://gw:s3cret@" + j.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if err := j.Append(t.Context(), reading(1)); err != nil {
		t.Fatal(err)
	}
}

// TestThePathOfTheFolderIsNoPattern: what is below it is looked for by patterns.
func TestThePathOfTheFolderIsNoPattern(t *testing.T) {
	for _, name := range []string{"plant [2", "plant [2]", `a*?\`} {
		dir := filepath.Join(t.TempDir(), name)
		if Used(dir) {
			t.Errorf("%s is used before it is there", name)
		}
		j := open(t, Config{Dir: dir})
		if streams := j.proofFolders(); len(streams) != 1 || !Used(dir) {
			t.Errorf("%s: the streams of proofs are %v, used is %t", name, streams, Used(dir))
		}
	}
}
