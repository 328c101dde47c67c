//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// exampleProgram returns what runs an example, with what scripts/examples.sh installs.
func exampleProgram(t *testing.T, file string) []string {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(root, "examples", file)
	if _, err := os.Stat(file); err != nil { // looked at here: what was tested of another script is not taken for this one
		t.Fatal(err)
	}
	runs, needs := "node", filepath.Join(filepath.Dir(file), "node_modules")
	if strings.HasSuffix(file, ".py") {
		runs = filepath.Join(root, ".cache", "examples", "bin", "python")
		needs = runs
	}
	if _, err := os.Stat(needs); err != nil {
		t.Fatalf("what the examples import is not installed: scripts/examples.sh")
	}
	return []string{runs, file}
}

// A document is JSON that a test changes.
type document map[string]any

// at returns what stands at a path of names and indices.
func (d document) at(path ...any) any {
	var here any = map[string]any(d)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			here = here.(map[string]any)[step]
		case int:
			here = here.([]any)[step]
		}
	}
	return here
}

// set changes what stands at a path.
func (d document) set(to any, path ...any) {
	switch last := path[len(path)-1].(type) {
	case string:
		d.at(path[:len(path)-1]...).(map[string]any)[last] = to
	case int:
		d.at(path[:len(path)-1]...).([]any)[last] = to
	}
}

// highS returns the other signature of the same key and digest, which nobody may accept.
func highS(t *testing.T, signature string) string {
	t.Helper()
	var sig dodona.Signature
	if err := sig.UnmarshalText([]byte(signature)); err != nil {
		t.Fatal(err)
	}
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	s := new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:64]))
	s.FillBytes(sig[32:64])
	sig[64] ^= 27 ^ 28
	return sig.String()
}

// TestExampleVerifiersJudgeAsTheProgramDoes: what a real node answers and proves is valid to scripts that use libraries of others, and nothing is
// that was changed afterwards.
func TestExampleVerifiersJudgeAsTheProgramDoes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gw.yaml")
	text := "node: {data: ./data, key: {file: node.key}}\nanchor: {every: 2s}\nsources: {walk: {sim: {every: 1s}}}\n" +
		"feeds:\n  btc.usd: {unit: USD, decimals: 2, every: 1s, from: [walk]}\n  water: {unit: L, decimals: 0, every: 1s, from: [walk]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := guideShell(t, dir, must(binary()), "dodona key new --raw node.key"); err != nil {
		t.Fatal(out)
	}
	node := launch(t, dir, "run", file, "--listen", "127.0.0.1:0")
	node.awaitURL()
	var evidence []byte
	eventually(t, patience, func() (err error) {
		latest, err := get(node.url + "/v1/feeds/btc.usd/latest")
		if err != nil {
			return err
		}
		var answer dodona.Answer
		if err := json.Unmarshal(latest, &answer); err != nil {
			return err
		}
		before := answer.Attestation.Report.Round - 10_000 // its window is sealed once there is one so late
		if evidence, err = get(fmt.Sprintf("%s/v1/feeds/btc.usd/rounds/%d/proof", node.url, uint64(before))); err != nil {
			return err
		}
		var proof struct {
			Answer json.RawMessage
			Proof  struct{ Path []string }
		}
		if err := json.Unmarshal(evidence, &proof); err != nil || proof.Answer == nil || len(proof.Proof.Path) == 0 {
			return fmt.Errorf("a round that was missed, or is alone in its window (%v)", err)
		}
		return nil
	})
	_ = node.stop()
	var proved struct{ Answer dodona.Answer }
	if err := json.Unmarshal(evidence, &proved); err != nil {
		t.Fatal(err)
	}
	network, other := proved.Answer.Network.ID().String(), "0x"+strings.Repeat("11", 32)
	for _, c := range []struct {
		name, network, want string
		alone               bool // the answer without its proof
		change              func(document)
	}{
		{name: "an answer", want: "valid: btc.usd = ", alone: true},
		{name: "an answer with its proof", want: "valid: btc.usd = "},
		{name: "of another network", network: other, want: "INVALID network"},
		{name: "another value", want: "INVALID signature", change: func(d document) { d.set("1", "answer", "attestation", "report", "value") }},
		{name: "a value in another form", want: "INVALID form", change: func(d document) {
			d.set("0"+d.at("answer", "attestation", "report", "value").(string), "answer", "attestation", "report", "value")
		}},
		{name: "another round", want: "INVALID signature", alone: true, change: func(d document) {
			d.set(d.at("answer", "attestation", "report", "round").(float64)+1000, "answer", "attestation", "report", "round")
		}},
		{name: "the other signature", want: "INVALID signature", alone: true, change: func(d document) {
			d.set(highS(t, d.at("answer", "attestation", "signatures", 0).(string)), "answer", "attestation", "signatures", 0)
		}},
		{name: "a signature of another form", want: "INVALID signature", alone: true, change: func(d document) {
			s := d.at("answer", "attestation", "signatures", 0).(string)
			d.set(s[:len(s)-2]+map[string]string{"1b": "00", "1c": "01"}[s[len(s)-2:]], "answer", "attestation", "signatures", 0)
		}},
		{name: "no signature", want: "INVALID signature", change: func(d document) { d.set([]any{}, "answer", "attestation", "signatures") }},
		{name: "a signature twice", want: "INVALID signature", change: func(d document) {
			s := d.at("answer", "attestation", "signatures", 0)
			d.set([]any{s, s}, "answer", "attestation", "signatures")
		}},
		{name: "another member", want: "INVALID quorum", change: func(d document) { d.set("0x"+strings.Repeat("22", 20), "answer", "quorum", "members", 0) }},
		{name: "other decimals", want: "INVALID feed", change: func(d document) { d.set(3, "answer", "feed", "decimals") }},
		{name: "another leaf", want: "INVALID leaf", change: func(d document) { d.set("1", "proof", "leaf", "value") }},
		{name: "a leaf of another kind", want: "INVALID anchor", change: func(d document) { d.set(3, "proof", "leaf", "kind") }},
		{name: "another path", want: "INVALID path", change: func(d document) { d.set(other, "proof", "path", 0) }},
		{name: "another root", want: "INVALID path", change: func(d document) { d.set(other, "anchored", "anchor", "root") }},
		{name: "another window before", want: "INVALID signature", change: func(d document) { d.set(other, "anchored", "anchor", "previous") }},
		{name: "no observed", alone: true, change: func(d document) { delete(d.at("answer", "attestation").(map[string]any), "observed") }, want: "INVALID form"},
		{name: "observed null", alone: true, change: func(d document) { d.set(nil, "answer", "attestation", "observed") }, want: "INVALID form"},
		{name: "observed short", alone: true, change: func(d document) { d.set("0x00", "answer", "attestation", "observed") }, want: "INVALID form"},
		{name: "an answer wrapped alone", change: func(d document) { delete(d, "proof"); delete(d, "anchored") }, want: "INVALID form"},
		{name: "anchored null", change: func(d document) { d["anchored"] = nil }, want: "INVALID form"},
		{name: "anchored 0", change: func(d document) { d["anchored"] = 0 }, want: "INVALID form"},
		{name: "decimals in hex", alone: true, change: func(d document) { d.set("0x2", "answer", "feed", "decimals") }, want: "INVALID form"},
		{name: "decimals in text", alone: true, change: func(d document) { d.set("2", "answer", "feed", "decimals") }, want: "INVALID form"},
		{name: "decimals with a fraction", alone: true, change: func(d document) { d.set(json.RawMessage("2.0"), "answer", "feed", "decimals") }, want: "INVALID form"},
		{name: "k in text", alone: true, change: func(d document) { d.set("1", "answer", "quorum", "k") }, want: "INVALID form"},
		{name: "a round with a fraction", alone: true, change: func(d document) {
			d.set(json.RawMessage(fmt.Sprintf("%.0f.0", d.at("answer", "attestation", "report", "round"))), "answer", "attestation", "report", "round")
		}, want: "INVALID form"},
		{name: "labels null", alone: true, change: func(d document) { d.set(nil, "answer", "feed", "labels") }, want: "INVALID form"},
		{name: "capitals in a signature", alone: true, change: func(d document) {
			d.set("0x"+strings.ToUpper(d.at("answer", "attestation", "signatures", 0).(string)[2:]), "answer", "attestation", "signatures", 0)
		}, want: "INVALID form"},
		{name: "a signature without 0x", alone: true, change: func(d document) {
			d.set(d.at("answer", "attestation", "signatures", 0).(string)[2:], "answer", "attestation", "signatures", 0)
		}, want: "INVALID form"},
		{name: "capitals in the first quorum", alone: true, change: func(d document) {
			d.set("0x"+strings.ToUpper(d.at("answer", "network", "first").(string)[2:]), "answer", "network", "first")
		}, want: "INVALID form"},
		{name: "the first quorum without 0x", alone: true, change: func(d document) {
			d.set(d.at("answer", "network", "first").(string)[2:], "answer", "network", "first")
		}, want: "INVALID form"},
		{name: "a name twice", alone: true, change: func(d document) {
			unit, _ := json.Marshal(d.at("answer", "feed"))
			d.set(json.RawMessage(`{"unit":"USD",`+string(unit[1:])), "answer", "feed")
		}, want: "INVALID form"},
		{name: "an unknown field", alone: true, change: func(d document) { d.set(1, "answer", "feed", "more") }, want: "INVALID form"},
		{name: "a text for an answer", change: func(d document) { d["answer"] = "x" }, want: "INVALID form"},
		{name: "another window's quorum", want: "INVALID quorum", change: func(d document) { d.set("0x"+strings.Repeat("22", 20), "anchored", "quorum", "members", 0) }},
	} {
		d := document{}
		if err := json.Unmarshal(evidence, &d); err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			c.change(d)
		}
		shown := any(d)
		if c.alone {
			shown = d["answer"]
		}
		written, err := json.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-")+".json")
		if err := os.WriteFile(path, written, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.network == "" {
			c.network = network
		}
		out, code := guideShell(t, dir, must(binary()), "dodona verify --network "+c.network+" "+path)
		if (code == nil) != strings.HasPrefix(c.want, "valid") {
			t.Errorf("%s: dodona verify says %s(%v), want %s", c.name, out, code, c.want)
		}
		for _, script := range []string{"verify/verify.mjs", "verify/verify.py"} {
			t.Run(filepath.Ext(script)[1:]+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				run := append(exampleProgram(t, script), c.network, path)
				out, err := exec.CommandContext(t.Context(), run[0], run[1:]...).CombinedOutput()
				valid := strings.HasPrefix(c.want, "valid")
				if !strings.HasPrefix(string(out), c.want) || (err == nil) != valid {
					t.Errorf("it says %s(%v), want %s", out, err, c.want)
				}
			})
		}
	}
}

// TestExampleVerifiersSayHowTheyAreCalled to whom leaves something out, and what they cannot read, in a line of their own.
func TestExampleVerifiersSayHowTheyAreCalled(t *testing.T) {
	network, none := "0x"+strings.Repeat("11", 32), filepath.Join(t.TempDir(), "none.json")
	torn := filepath.Join(t.TempDir(), "torn.json")
	if err := os.WriteFile(torn, []byte(`{"answer":`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"verify/verify.mjs", "verify/verify.py"} {
		for _, c := range []struct {
			want string
			args []string
		}{
			{"usage: ", nil},
			{"usage: ", []string{network}},
			{"usage: ", []string{torn}},
			{"usage: ", []string{torn, network}},
			{"usage: ", []string{network, torn, none}},
			{"read " + none, []string{network, none}},
			{"read " + torn, []string{network, torn}},
		} {
			run := append(exampleProgram(t, script), c.args...)
			cmd := exec.CommandContext(t.Context(), run[0], run[1:]...)
			out, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.HasPrefix(string(out), c.want) || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%s %q ends with %v: %s", script, c.args, err, out)
			}
		}
	}
}

// TestExampleVerifiersTakeAnyDocument, and say in one line what is no evidence, or none that they judge.
func TestExampleVerifiersTakeAnyDocument(t *testing.T) {
	network := "0x" + strings.Repeat("11", 32)
	for _, c := range []struct {
		name, text, want string
		code             int
	}{
		{"unsealed", `{"type": "https://example.com", "title": "Not Found", "status": 404, "detail": "due at\u001b 12:10", "feed": "btc.usd", "round": 1}`, "no evidence, neither valid nor invalid: the node says: due at? 12:10", 2},
		{"a gap", `{"gap": {"feed": "0x11"}, "proof": {}, "anchored": {}}`, "a gap, the proof that a round has no answer: dodona verify judges it", 2},
		{"nothing", `{}`, "INVALID form: ", 3},
		{"null", `null`, "INVALID form: ", 3},
		{"a list", `[{}]`, "INVALID form: ", 3},
		{"a number", `1`, "INVALID form: ", 3},
		{"a text", `"answer"`, "INVALID form: ", 3},
		{"no answer", `{"answer": null}`, "INVALID form: ", 3},
		{"no report", `{"network": {}, "feed": {}, "quorum": {}, "attestation": {}}`, "INVALID form: ", 3},
		{"a value that is no number", `{"network": {}, "feed": {}, "quorum": {}, "attestation": {"report": {"value": "one", "round": 1}}}`, "INVALID form: ", 3},
		{"deep", strings.Repeat("[", 1<<17) + strings.Repeat("]", 1<<17), "", 0},
	} {
		path := filepath.Join(t.TempDir(), "given.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, script := range []string{"verify/verify.mjs", "verify/verify.py"} {
			t.Run(filepath.Ext(script)[1:]+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				run := append(exampleProgram(t, script), network, path)
				cmd := exec.CommandContext(t.Context(), run[0], run[1:]...)
				out, _ := cmd.CombinedOutput()
				code := cmd.ProcessState.ExitCode()
				ended := code == c.code || c.code == 0 && (code == 2 || code == 3) // a reader may give up on it, or not
				if !ended || !strings.Contains(string(out), c.want) || strings.Count(string(out), "\n") != 1 || len(out) > 400 {
					t.Errorf("it ends with %d, and says %.500s; want %d, %s", code, out, c.code, c.want)
				}
			})
		}
	}
}
