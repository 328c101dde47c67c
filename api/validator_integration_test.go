//go:build integration

package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAValidatorOfOthersAcceptsTheDocument holds openapi.json to the schema of OpenAPI 3.1, by a validator from npm.
func TestAValidatorOfOthersAcceptsTheDocument(t *testing.T) {
	const dir = "testdata/validator"
	if _, err := os.Stat(dir + "/node_modules/.package-lock.json"); err != nil {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund")
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("install the validator: %v\n%s", err, out)
		}
	}
	validate := func(file string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "node", dir+"/node_modules/@seriousme/openapi-schema-validator/bin/validate-api-cli.js", file).CombinedOutput()
		return string(out), err
	}
	if out, err := validate("openapi.json"); err != nil {
		t.Errorf("refused: %v\n%s", err, out)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(`{"openapi": "3.1.1", "info": {"title": "x"}, "paths": {"feeds": 1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := validate(wrong); err == nil {
		t.Errorf("the validator accepts anything: %s", out)
	}
}
