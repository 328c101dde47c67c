package examples

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/module/manifest"
)

func TestTheSignedModuleIsTheExampleOfTheSDK(t *testing.T) {
	raw, err := os.ReadFile("modules/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := manifest.ReadTrust(raw)
	if err != nil {
		t.Fatal(err)
	}
	found, err := manifest.Store{Dir: "modules", Trust: &trust, Now: time.Now}.Find("plausible", "1.0.0")
	if err != nil || !found.Signed {
		t.Fatalf("%+v, %v", found.Manifest, err)
	}
	built, err := os.ReadFile("../module/testdata/guests/plausible-c.wasm")
	if err != nil || !bytes.Equal(found.Wasm, built) {
		t.Errorf("the signed module is not the one that sdk/c/example builds: sign it again (%v)", err)
	}
}
