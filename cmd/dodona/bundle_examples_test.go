//go:build integration

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/sign"
)

var bundleScripts = []string{"verify/bundle.mjs", "verify/bundle.py"}

// An exported is what a real node gave of one round.
type exported struct {
	bundle, answer  []byte
	network, signer string
	key             *sign.Key // the node's
}

// exportedRound runs a node with two sources, and returns one of its rounds.
func exportedRound(t *testing.T) (e exported) {
	t.Helper()
	dir := t.TempDir()
	text := "node: {data: ./data, key: {file: node.key}}\nsources: {left: {sim: {every: 1s, seed: 1}}, right: {sim: {every: 1s, seed: 1}}}\n" +
		"feeds:\n  btc.usd: {unit: USD, decimals: 2, every: 1s, from: [left, right], combine: mean}\n"
	if err := os.WriteFile(filepath.Join(dir, "gw.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := guideShell(t, dir, must(binary()), "dodona key new --raw node.key"); err != nil {
		t.Fatal(out)
	}
	node := launch(t, dir, "run", "gw.yaml", "--listen", "127.0.0.1:0")
	node.awaitURL()
	eventually(t, patience, func() (err error) {
		var answer dodona.Answer
		if e.answer, err = get(node.url + "/v1/feeds/btc.usd/latest"); err != nil {
			return err
		}
		if err := json.Unmarshal(e.answer, &answer); err != nil {
			return err
		}
		e.network, e.signer = answer.Network.ID().String(), answer.Quorum.Members[0].String()
		if e.bundle, err = get(fmt.Sprintf("%s/v1/feeds/btc.usd/rounds/%d/bundle", node.url, uint64(answer.Attestation.Report.Round))); err != nil {
			return err
		}
		if n := bytes.Count(e.bundle, []byte(`"salt"`)); n != 2 {
			return fmt.Errorf("a round with %d readings", n)
		}
		return nil
	})
	_ = node.stop()
	var err error
	if e.key, err = sign.OpenFile("key", filepath.Join(dir, "node.key"), nil); err != nil {
		t.Fatal(err)
	}
	return e
}

// judged is what a script says of files, and its exit code.
type judged struct {
	said string
	code int
}

// judge runs a script once on a few files.
func judge(t *testing.T, script string, args ...string) judged {
	t.Helper()
	run := append(exampleProgram(t, script), args...)
	cmd := exec.CommandContext(t.Context(), run[0], run[1:]...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return judged{string(out), cmd.ProcessState.ExitCode()}
}

// What runs a script's whole program many times in one process: starting one for each would take minutes.
var inOneProcess = map[string]string{
	".mjs": `import { readFileSync } from "node:fs";
const script = process.argv[1], out = [], ends = {};
for (const args of JSON.parse(readFileSync(0))) {
  let said = "", code = 0;
  console.log = console.error = (line) => { said += line + "\n"; };
  process.argv = ["node", script, ...args];
  process.exit = (with_) => { code = with_; throw ends; };
  try { await import("file://" + script + "?" + out.length); } catch (e) { if (e !== ends) { code = 1; said += e.stack; } }
  out.push({ said, code });
}
process.stdout.write(JSON.stringify(out));`,
	".py": `import contextlib, io, json, runpy, sys, traceback
script, out = sys.argv[1], []
for args in json.load(sys.stdin):
    sys.argv, code, said = [script, *args], 0, io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as e:
            code = e.code
        except BaseException:
            code = 1
            traceback.print_exc()
    out.append({"said": said.getvalue(), "code": code})
json.dump(out, sys.stdout)`,
}

// judgeAll returns what a script says of each list of arguments.
func judgeAll(t *testing.T, script string, lists [][]string) []judged {
	t.Helper()
	run := exampleProgram(t, script)
	args := []string{"-c", inOneProcess[".py"], run[1]}
	if filepath.Ext(script) == ".mjs" {
		args = []string{"--input-type=module", "-e", inOneProcess[".mjs"], run[1]}
	}
	asked, err := json.Marshal(lists)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), run[0], args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(asked), &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, said.String())
	}
	var all []struct {
		Said string
		Code int
	}
	if err := json.Unmarshal(out, &all); err != nil || len(all) != len(lists) {
		t.Fatalf("%s says %d things of %d: %v", script, len(all), len(lists), err)
	}
	verdicts := make([]judged, len(all))
	for i, v := range all {
		verdicts[i] = judged{v.Said, v.Code}
	}
	return verdicts
}

// unbound is what nothing signed binds of a bundle: a change of it is not seen, as the scripts say. Such a change leaves its form.
var unbound = regexp.MustCompile(`^(node|tookMs|points/\d+/(id|value|unit|time)|inputs/\d+/(status|point|value|time))/$`)

// A mutant is a document with one change.
type mutant struct {
	at   string
	raw  []byte
	kind mutation
}

type mutation int

const (
	replaced mutation = iota // another value of the same form stands there
	away                     // nothing does
	spoiled                  // something that no document of the form has
)

// changed returns a document once for each of its texts and numbers, with another one in its place, and once for each value of any form, with null in
// its place. All else is as it was, the order of members too.
func changed(t *testing.T, raw []byte) (all []mutant) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	put := func(path string, kind mutation, start int64, with string) {
		all = append(all, mutant{path, slices.Concat(raw[:start], []byte(with), raw[d.InputOffset():]), kind})
	}
	var walk func(path string)
	walk = func(path string) {
		before := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case json.Delim:
			for i := 0; d.More(); i++ {
				if token == '[' {
					walk(fmt.Sprintf("%s%d/", path, i))
					continue
				}
				name, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				walk(fmt.Sprintf("%s%s/", path, name))
			}
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
		default:
			was := bytes.TrimLeft(raw[before:d.InputOffset()], ":, \n\t")
			put(path, replaced, d.InputOffset()-int64(len(was)), string(otherThan(was)))
		}
		between := len(raw[before:]) - len(bytes.TrimLeft(raw[before:], ":, \n\t"))
		put(path, spoiled, before+int64(between), "null")
	}
	walk("")
	return all
}

// otherThan returns another value of the same form, as far as there is one: with another digit, or another letter.
func otherThan(was []byte) []byte {
	if i := bytes.LastIndexAny(was, "0123456789"); i >= 0 {
		other := slices.Clone(was)
		other[i] = '0' + (was[i]-'0'+1)%10
		return other
	}
	return slices.Concat(was[:len(was)-1], []byte(`x"`))
}

// less returns a document once without each of its fields, and once more with one field too many in each object. In the rules, whose order is
// digested, nothing moves.
func less(t *testing.T, raw []byte) (all []mutant) {
	t.Helper()
	var whole struct{ Rules json.RawMessage }
	if err := json.Unmarshal(raw, &whole); err != nil {
		t.Fatal(err)
	}
	change := func(at string, path []any, kind mutation, change func(map[string]any)) {
		d := document{}
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		if whole.Rules != nil {
			d["rules"] = whole.Rules
		}
		if len(path) == 0 {
			change(d)
		} else {
			change(d.at(path...).(map[string]any))
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, mutant{at, written, kind})
	}
	var walk func(at string, path []any, here any)
	walk = func(at string, path []any, here any) {
		switch here := here.(type) {
		case map[string]any:
			change(at, path, spoiled, func(d map[string]any) { d["more"] = 1 })
			for _, name := range slices.Sorted(maps.Keys(here)) {
				change(at+name+"/", path, away, func(d map[string]any) { delete(d, name) })
				if name != "rules" {
					walk(at+name+"/", append(slices.Clone(path), name), here[name])
				}
			}
		case []any:
			for i, item := range here {
				walk(fmt.Sprintf("%s%d/", at, i), append(slices.Clone(path), i), item)
			}
		}
	}
	d := document{}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	walk("", nil, map[string]any(d))
	return all
}

// needless are the fields that may be away from a bundle: those that nobody signs.
var needless = regexp.MustCompile(`^(points|inputs/\d+/(value|time)|points/\d+/time)/$`)

// TestBundleScriptsSeeEveryChange of a real node's bundle and answer, but of what they say that nobody signs.
func TestBundleScriptsSeeEveryChange(t *testing.T) {
	e := exportedRound(t)
	dir, mutants := t.TempDir(), append(changed(t, e.bundle), less(t, e.bundle)...)
	bundles := len(mutants)
	mutants = slices.Concat(mutants, changed(t, e.answer), less(t, e.answer))
	if bundles < 200 || len(mutants)-bundles < 50 {
		t.Errorf("only %d changes, %d of them of the bundle", len(mutants), bundles)
	}
	whole := filepath.Join(dir, "bundle.json")
	if err := os.WriteFile(whole, e.bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	lists := make([][]string, len(mutants))
	for i, m := range mutants {
		path := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if err := os.WriteFile(path, m.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if lists[i] = []string{e.network, path}; i >= bundles {
			lists[i] = []string{e.network, whole, path}
		}
	}
	for _, script := range bundleScripts {
		t.Run(filepath.Ext(script)[1:], func(t *testing.T) {
			t.Parallel()
			for i, got := range judgeAll(t, script, lists) {
				m, want := mutants[i], 3
				if i < bundles && (m.kind == replaced && unbound.MatchString(m.at) || m.kind == away && needless.MatchString(m.at)) {
					want = 0
				}
				if got.code != want || want == 3 && !strings.HasPrefix(got.said, "INVALID ") {
					t.Errorf("a change at %s (%d) ends with %d, want %d: %s", m.at, i, got.code, want, got.said)
				}
			}
		})
	}
}

// A madeRound is a bundle that a test makes, of a network with as many members as it likes, and the answer that goes with it.
type madeRound struct {
	b    dodona.Bundle
	a    dodona.Answer
	keys []*sign.Key
	salt dodona.Digest // of every leaf
}

// newMadeRound returns a round of an enum with three readings, one without a time and one from before 1970, a module and its transcript.
func newMadeRound(t *testing.T, members int) *madeRound {
	t.Helper()
	m := &madeRound{salt: dodona.Keccak256([]byte("salt"))}
	for range members {
		key, err := sign.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		m.keys = append(m.keys, key)
	}
	slices.SortFunc(m.keys, func(a, b *sign.Key) int { return strings.Compare(a.Address().String(), b.Address().String()) })
	quorum := dodona.Quorum{Scheme: "ecdsa", K: members/2 + 1, Members: []dodona.Address{}}
	for _, key := range m.keys {
		quorum.Members = append(quorum.Members, key.Address())
	}
	identity := dodona.Feed{Name: "site.door", Kind: dodona.Enum, Labels: []string{"shut <tight>", "ouverte à moitié", "开"}}
	// A name like a number, and signs that are escaped: the order and the text of the rules are digested.
	rules, err := json.Marshal(map[string]any{"feed": identity, "format": 1, "zone": map[string]string{"b": "<&>\u2028\t\"", "10": "x", "9": "y"}})
	if err != nil {
		t.Fatal(err)
	}
	seen := time.Date(2026, 3, 1, 0, 0, 0, 123_999_999, time.FixedZone("", -7200))
	m.b = dodona.Bundle{
		Feed: identity, Round: 1795349070123, Node: "gw", Rules: rules, Quality: dodona.Good, TookMS: 3, Value: new(dodona.Int192),
		Network: &dodona.Network{Name: "Прага 1", First: quorum.Digest()}, Transcript: []byte("what it was told"), TranscriptSalt: &m.salt, Module: []byte("\x00asm"), Fuel: 1 << 63,
		Readings: []dodona.Reading{
			{Source: "a", Item: "x/1", Body: []byte{0, 1, 255}, Received: seen, SourceTime: time.Unix(-1, 999_000), Quality: dodona.Uncertain},
			{Source: "a", Item: "x/2", Body: nil, ContentType: "text/plain", Received: seen, Detail: "GET"},
			{Source: "b", Body: []byte("2"), Received: seen, SourceTime: seen, Quality: dodona.Bad},
		},
	}
	*m.b.Value = dodona.NewInt192(2)
	m.b.Origin = dodona.Origin{
		Version: sha256.Sum256(m.b.Module), Rules: dodona.Keccak256(rules),
		ReadingsRoot: feed.ReadingsRoot(m.b.Readings, m.b.Transcript, func(int) dodona.Digest { return m.salt }),
	}
	for _, r := range m.b.Readings {
		ref := dodona.ReadingRef{Digest: r.Digest(), Item: r.Item, Received: r.Received, Size: len(r.Body), Detail: r.Detail, Salt: &m.salt}
		m.b.Inputs = append(m.b.Inputs, dodona.Input{Source: r.Source, Point: r.Source, Status: dodona.InputGiven, Readings: []dodona.ReadingRef{ref}})
	}
	m.a = dodona.Answer{Network: *m.b.Network, Quorum: quorum, Feed: identity}
	m.sign(m.keys[0])
	return m
}

// sign signs the bundle's observation as it now is, and the answer by all.
func (m *madeRound) sign(key *sign.Key) {
	network := m.b.Network.ID()
	o := dodona.Observation{Feed: m.b.Feed.ID(), Name: m.b.Feed.Name, Round: m.b.Round, Value: *m.b.Value, Origin: m.b.Origin, Signer: key.Address()}
	o.Signature = key.SignTransaction(o.Digest(network))
	m.b.Observation = &o
	m.a.Attestation = dodona.Attestation{Report: dodona.Report{Feed: o.Feed, Round: o.Round, Value: o.Value}, Observed: dodona.Observed(network, o)}
	for _, key := range m.keys {
		m.a.Attestation.Signatures = append(m.a.Attestation.Signatures, key.SignTransaction(m.a.Attestation.Report.Digest(network)))
	}
}

// TestBundleScriptsJudgeWhatWasMade: networks of several members, an enum, a module and times of all sorts; and what is wrong though all else fits.
func TestBundleScriptsJudgeWhatWasMade(t *testing.T) {
	one, four, stranger := newMadeRound(t, 1), newMadeRound(t, 4), newMadeRound(t, 1)
	ids := func(m *madeRound) string { return m.b.Network.ID().String() }
	all := make([]string, len(four.keys))
	for i, key := range four.keys {
		all[len(all)-1-i] = key.Address().String() // in any order
	}
	const other = "0x1111111111111111111111111111111111111111"
	cases := []struct {
		name, trust string
		of          *madeRound
		answer      bool
		change      func(t *testing.T, m *madeRound)
		want        []string
	}{
		{name: "of one", trust: ids(one), of: one, want: []string{"valid: site.door = 开, round 1795349070123 (2026-11-22T12:04:30.123Z)\n", "the only member of network \"Прага 1\"", "these 3 readings, 4 bytes, and no other, by these rules and this module"}},
		{name: "of one with its answer", trust: ids(one), of: one, answer: true, want: []string{"valid: ", "proved: the answer came from this observation"}},
		{name: "by its member", trust: one.keys[0].Address().String(), of: one, want: []string{"valid: "}},
		{name: "by another member", trust: other, of: one, want: []string{"INVALID quorum: these members did not found"}},
		{name: "by members that are twice there", trust: all[0] + "," + all[0], of: four, want: []string{"INVALID quorum"}},
		{name: "of four by all", trust: strings.Join(all, ","), of: four, want: []string{"valid: ", "one of 4 members", "not proved: that the network answered so"}},
		{name: "of four by three", trust: strings.Join(all[1:], ","), of: four, want: []string{"INVALID quorum"}},
		{name: "of four by the id alone", trust: ids(four), of: four, want: []string{"INVALID quorum", "name them all as TRUST"}},
		{name: "of four with its answer", trust: ids(four), of: four, answer: true, want: []string{"valid: ", "proved: 4 of 4 members signed the same value", "this bundle alone cannot say"}},
		{name: "of four that answered otherwise", trust: ids(four), of: four, answer: true, want: []string{"valid: ", "signed another value, ouverte à moitié"}, change: func(_ *testing.T, m *madeRound) {
			m.a.Attestation.Report.Value, m.a.Attestation.Signatures = dodona.NewInt192(1), nil
			for _, key := range m.keys {
				m.a.Attestation.Signatures = append(m.a.Attestation.Signatures, key.SignTransaction(m.a.Attestation.Report.Digest(m.b.Network.ID())))
			}
		}},
		{name: "signed by two of four", trust: ids(four), of: four, answer: true, want: []string{"INVALID answer: it is not signed by enough"}, change: func(_ *testing.T, m *madeRound) {
			m.a.Attestation.Signatures = m.a.Attestation.Signatures[:2]
		}},
		{name: "signed out of order", trust: ids(four), of: four, answer: true, want: []string{"INVALID answer: it is not signed by enough"}, change: func(_ *testing.T, m *madeRound) {
			slices.Reverse(m.a.Attestation.Signatures)
		}},
		{name: "an answer of another observation", trust: ids(one), of: one, answer: true, want: []string{"INVALID answer: it came from another"}, change: func(_ *testing.T, m *madeRound) { m.a.Attestation.Observed[0]++ }},
		{name: "an answer of another round", trust: ids(one), of: one, answer: true, want: []string{"INVALID answer: it is of another feed or round"}, change: func(_ *testing.T, m *madeRound) { m.a.Attestation.Report.Round++ }},
		{name: "an answer of another network", trust: ids(one), of: one, answer: true, want: []string{"INVALID quorum"}, change: func(_ *testing.T, m *madeRound) { m.a = stranger.a }},
		{name: "a network renamed", trust: ids(one), of: one, want: []string{"INVALID signature"}, change: func(_ *testing.T, m *madeRound) {
			m.b.Network = &dodona.Network{Name: "other", First: m.b.Network.First}
		}},
		{name: "signed by a stranger", trust: strings.Join(all, ","), of: four, want: []string{"INVALID member: " + stranger.keys[0].Address().String()}, change: func(_ *testing.T, m *madeRound) { m.sign(stranger.keys[0]) }},
		{name: "the other signature", trust: ids(one), of: one, want: []string{"INVALID signature"}, change: func(t *testing.T, m *madeRound) {
			if err := m.b.Observation.Signature.UnmarshalText([]byte(highS(t, m.b.Observation.Signature.String()))); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a signature of another form", trust: ids(one), of: one, want: []string{"INVALID signature"}, change: func(_ *testing.T, m *madeRound) { m.b.Observation.Signature[64] -= 27 }},
		{name: "a value it cannot have", trust: ids(one), of: one, want: []string{"INVALID value"}, change: func(_ *testing.T, m *madeRound) { *m.b.Value = dodona.NewInt192(3); m.sign(m.keys[0]) }},
		{name: "another value that is named alike", trust: ids(one), of: one, want: []string{"INVALID signature"}, change: func(_ *testing.T, m *madeRound) { *m.b.Value = dodona.NewInt192(1); m.b.Observation.Value = *m.b.Value }},
		{name: "bytes that are named alike", trust: ids(one), of: one, want: []string{"INVALID root"}, change: func(_ *testing.T, m *madeRound) {
			m.b.Readings[2].Body = []byte("1")
			m.b.Inputs[2].Readings[0].Digest = m.b.Readings[2].Digest()
		}},
		{name: "a reading twice", trust: ids(one), of: one, want: []string{"INVALID readings: readings[3] of \"b\" stands twice"}, change: func(_ *testing.T, m *madeRound) { m.b.Readings = append(m.b.Readings, m.b.Readings[2]) }},
		{name: "a reading too few", trust: ids(one), of: one, want: []string{"INVALID readings: what inputs[2].readings[0] of \"b\" names is missing"}, change: func(_ *testing.T, m *madeRound) { m.b.Readings = m.b.Readings[:2] }},
		{name: "a reading and its name too few", trust: ids(one), of: one, want: []string{"INVALID root"}, change: func(_ *testing.T, m *madeRound) {
			m.b.Readings, m.b.Inputs = m.b.Readings[:2], m.b.Inputs[:2]
		}},
		{name: "another module", trust: ids(one), of: one, want: []string{"INVALID version"}, change: func(_ *testing.T, m *madeRound) { m.b.Module = []byte("\x00asn") }},
		{name: "no module", trust: ids(one), of: one, want: []string{"INVALID version"}, change: func(_ *testing.T, m *madeRound) { m.b.Module = nil }},
		{name: "another transcript", trust: ids(one), of: one, want: []string{"INVALID root"}, change: func(_ *testing.T, m *madeRound) { m.b.Transcript = []byte("what it was not told") }},
		{name: "no transcript", trust: ids(one), of: one, want: []string{"INVALID root"}, change: func(_ *testing.T, m *madeRound) { m.b.Transcript, m.b.TranscriptSalt = nil, nil }},
		{name: "rules in another order", trust: ids(one), of: one, want: []string{"INVALID rules"}, change: func(t *testing.T, m *madeRound) {
			m.b.Rules = bytes.Replace(m.b.Rules, []byte(`"10":"x",`), nil, 1)
			m.b.Rules = bytes.Replace(m.b.Rules, []byte(`"9":"y"`), []byte(`"9":"y","10":"x"`), 1)
		}},
		{name: "a round that was missed", trust: ids(one), of: one, want: []string{"INVALID observation: nobody signed this round; it was missed: \"no source\\u001b answers\""}, change: func(_ *testing.T, m *madeRound) {
			m.b.Value, m.b.Observation, m.b.Missed = nil, nil, "no source\x1b answers"
		}},
	}
	var lists [][]string
	for _, c := range cases {
		m := *c.of
		m.b.Inputs, m.b.Readings = nil, slices.Clone(c.of.b.Readings)
		for _, in := range c.of.b.Inputs {
			in.Readings = slices.Clone(in.Readings)
			m.b.Inputs = append(m.b.Inputs, in)
		}
		value, observation := *c.of.b.Value, *c.of.b.Observation
		m.b.Value, m.b.Observation = &value, &observation
		m.a.Attestation.Signatures = slices.Clone(c.of.a.Attestation.Signatures)
		if c.change != nil {
			c.change(t, &m)
		}
		args := []string{c.trust, fileOf(t, m.b)}
		if c.answer {
			args = append(args, fileOf(t, m.a))
		}
		lists = append(lists, args)
	}
	for _, script := range bundleScripts {
		t.Run(filepath.Ext(script)[1:], func(t *testing.T) {
			t.Parallel()
			for i, got := range judgeAll(t, script, lists) {
				c, code := cases[i], 3
				if strings.HasPrefix(c.want[0], "valid") {
					code = 0
				}
				for j, want := range c.want {
					if got.code != code || !strings.Contains(got.said, want) || j == 0 && !strings.HasPrefix(got.said, want) {
						t.Errorf("%s: it ends with %d, and lacks %q: %s", c.name, got.code, want, got.said)
					}
				}
			}
		})
	}
}

// fileOf returns a file with a value in JSON.
func fileOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBundleScriptsRefuseWhatIsNoBundle in one line, whatever it is.
func TestBundleScriptsRefuseWhatIsNoBundle(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(fileOf(t, newMadeRound(t, 1).b))
	if err != nil {
		t.Fatal(err)
	}
	network, dir := "0x"+strings.Repeat("11", 32), t.TempDir()
	huge := filepath.Join(dir, "huge.json")
	if err := errors.Join(os.WriteFile(huge, nil, 0o600), os.Truncate(huge, 64<<20+1)); err != nil {
		t.Fatal(err)
	}
	var lists [][]string
	var wants []string
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                       {"", "cut short"},
		"blanks":                        {" \n", "cut short"},
		"cut":                           {string(whole[:len(whole)/2]), "form: "},
		"cut in a text":                 {`{"feed": "a`, "form: "},
		"no object":                     {"[]", "bundle is no object"},
		"null":                          {"null", "bundle is no object"},
		"a number":                      {"1e999", "bundle is no object"},
		"of an answer":                  {`{"network":{}}`, "bundle has no feed"},
		"something behind":              {string(whole) + "{}", "something follows"},
		"a name twice":                  {`{"round": 1, ` + string(whole[1:]), `the name "round" stands twice`},
		"a name twice, escaped":         {`{"r\u006fund": 1, ` + string(whole[1:]), `the name "round" stands twice`},
		"a name of the language":        {`{"__proto__": {}, ` + string(whole[1:]), `the field "__proto__", which is unknown`},
		"another one":                   {`{"constructor": {}, ` + string(whole[1:]), `the field "constructor", which is unknown`},
		"deep":                          {strings.Repeat("[", 1<<20), "more than 64 deep"},
		"deep in the rules":             {strings.Replace(string(whole), `"zone": {`, `"zone": {"deep": `+strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100)+",", 1), "more than 64 deep"},
		"a comma too many":              {`{"round": 1,}`, "a comma too many"},
		"a comment":                     {"// 1\n" + string(whole), "no JSON"},
		"no number":                     {strings.Replace(string(whole), `"tookMs": 3`, `"tookMs": NaN`, 1), "no JSON"},
		"a fraction":                    {strings.Replace(string(whole), `"tookMs": 3`, `"tookMs": 3.0`, 1), "bundle.tookMs is not as it must be"},
		"a number of many digits":       {strings.Replace(string(whole), `"tookMs": 3`, `"tookMs": `+strings.Repeat("9", 1<<20), 1), "bundle.tookMs is not as it must be"},
		"digits of elsewhere":           {strings.Replace(string(whole), `"tookMs": 3`, `"tookMs": ٣`, 1), "no JSON"},
		"half a character":              {strings.Replace(string(whole), `"gw"`, `"\ud800"`, 1), "half a character"},
		"two marks in front":            {"\uFEFF\uFEFF" + string(whole), "no JSON"},
		"an empty module":               {regexp.MustCompile(`"module": "[^"]*"`).ReplaceAllString(string(whole), `"module": ""`), "bundle.module is not as it must be"},
		"no bytes of a module":          {regexp.MustCompile(`"module": "[^"]*"`).ReplaceAllString(string(whole), `"module": null`), "bundle.module is not as it must be"},
		"a state that is null":          {`{"state": null, ` + string(whole[1:]), "bundle.state is not as it must be"},
		"digits of elsewhere in a time": {strings.Replace(string(whole), `T00:00:00.123`, `T00:00:0٣.123`, 1), "received is not as it must be"},
		"a zone of 75 minutes":          {regexp.MustCompile(`"received": "([^"]*)-02:00"`).ReplaceAllString(string(whole), `"received": "$1-01:75"`), "received is not as it must be"},
		"hour 24":                       {strings.Replace(string(whole), `T00:00:00.123`, `T24:00:00.123`, 1), "received is not as it must be"},
		"a second too many":             {strings.Replace(string(whole), `T00:00:00.123`, `T00:00:60.123`, 1), "received is not as it must be"},
		"a comma in a time":             {strings.Replace(string(whole), `T00:00:00.123`, `T00:00:00,123`, 1), "received is not as it must be"},
		"another day's zone":            {regexp.MustCompile(`"received": "([^"]*)-02:00"`).ReplaceAllString(string(whole), `"received": "$1-24:00"`), "received is not as it must be"},
		"other bytes":                   {strings.Replace(string(whole), `"gw"`, "\"\xff\"", 1), "not UTF-8"},
		"long text":                     {`{"feed": "` + strings.Repeat(`\n`, 8<<20) + `"`, "form: "},
		"no such day":                   {regexp.MustCompile(`2026-03-01T00`).ReplaceAllLiteralString(string(whole), "2026-02-29T00"), "received is not as it must be"},
		"a control in a name":           {strings.Replace(string(whole), "Прага 1", `a\u001b[2J`, 1), "bundle.network.name is not as it must be"},
		"a line in front":               {strings.Replace(string(whole), `"site.door"`, `"site.door\n"`, 1), "bundle.feed.name is not as it must be"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		lists, wants = append(lists, []string{network, path}), append(wants, c.want)
	}
	for _, script := range bundleScripts {
		for i, got := range judgeAll(t, script, lists) {
			if got.code != 3 || !strings.HasPrefix(got.said, "INVALID form: ") || !strings.Contains(got.said, wants[i]) || strings.Count(got.said, "\n") != 1 || len(got.said) > 400 {
				t.Errorf("%s %s ends with %d, want %q: %.500s", script, lists[i][1], got.code, wants[i], got.said)
			}
		}
		for _, c := range []struct {
			want string
			code int
			args []string
		}{
			{"usage: ", 2, nil},
			{"usage: ", 2, []string{network}},
			{"usage: ", 2, []string{huge, network}},
			{"usage: ", 2, []string{network + ",", huge}},
			{"usage: ", 2, []string{network + "\n", huge}},
			{"usage: ", 2, []string{network, huge, huge, huge}},
			{"read " + dir, 2, []string{network, dir}},
			{"read " + dir, 2, []string{network, dir + "/none"}},
			{"INVALID form: " + huge + ": more than 64 MiB", 3, []string{network, huge}},
		} {
			got := judge(t, script, c.args...)
			if got.code != c.code || !strings.HasPrefix(got.said, c.want) || strings.Count(got.said, "\n") != 1 {
				t.Errorf("%s %q ends with %d: %s", script, c.args, got.code, got.said)
			}
		}
	}
}

// TestVerifyExamplesPage runs the commands of examples/verify/README.md in order against a real node, and compares what they print.
func TestVerifyExamplesPage(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), price(t, `{"symbol":"BTCUSDT","price":"43218.55000000"}`)
	text := "node: {data: ./data, key: {file: node.key}}\nanchor: {every: 2s}\nsources: {price: {http: {url: \"" + url + "\"}, value: /price}}\n" +
		"feeds: {btc.usd: {unit: USD, decimals: 2, every: 1s, from: [price]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "gw.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	session := newShellSession(t, dir, "PATH="+filepath.Dir(must(binary()))+":"+os.Getenv("PATH"))
	session.must("dodona key new --raw node.key")
	for _, script := range []string{"verify.mjs", "bundle.mjs", "verify.py", "bundle.py"} {
		session.must("cp " + exampleProgram(t, "verify/"+script)[1] + " .")
	}
	root := must(filepath.Abs(repository))
	session.must("ln -s " + root + "/examples/verify/node_modules " + root + "/.cache/examples ./ && mv examples venv")
	node := launch(t, dir, "run", "gw.yaml", "--listen", "127.0.0.1:0")
	node.awaitURL()
	var answer dodona.Answer
	eventually(t, patience, func() error {
		latest, err := get(node.url + "/v1/feeds/btc.usd/latest")
		if err != nil {
			return err
		}
		if err := json.Unmarshal(latest, &answer); err != nil {
			return err
		}
		answer.Attestation.Report.Round -= 10_000 // its window is sealed once there is one so late
		proof, err := get(fmt.Sprintf("%s/v1/feeds/btc.usd/rounds/%d/proof", node.url, uint64(answer.Attestation.Report.Round)))
		if err != nil {
			return err
		}
		var evidence dodona.Evidence
		if err := json.Unmarshal(proof, &evidence); err != nil || evidence.Answer == nil {
			return fmt.Errorf("a round that was missed (%v)", err)
		}
		return nil
	})
	here := strings.NewReplacer("http://127.0.0.1:8080", node.url, "1796027870000", answer.Attestation.Report.Round.ID(),
		"0x7e02a1b58945b3df8669f1a4584b1f9394103df198af29f0d8e3d73390d31924", answer.Network.ID().String())
	commands := 0
	for _, block := range fence.FindAllStringSubmatch(pageText(t, "examples/verify/README.md"), -1) {
		for _, step := range strings.Split("\n"+block[2], "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			if strings.HasPrefix(command, "npm ci ") || strings.HasPrefix(command, "python3 -m venv ") {
				continue // scripts/examples.sh did
			}
			commands++
			compare(t, command, session.must(here.Replace(command)), want)
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands in the page", commands)
	}
}
