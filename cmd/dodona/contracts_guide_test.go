//go:build integration

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// A shellSession is one shell that runs the commands of a page one after the other, so that what one sets the next ones have.
type shellSession struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

const endOfCommand = "@@ends with "

// newShellSession starts a shell in a folder; the test's end ends it.
func newShellSession(t *testing.T, dir string, environment ...string) *shellSession {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	cmd := exec.CommandContext(ctx, "bash")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environment...)
	in, out := piped(t, cmd)
	t.Cleanup(cancel)
	return &shellSession{t, in, bufio.NewReader(out)}
}

// run returns what a command prints, and its exit code.
func (s *shellSession) run(command string) (string, int) {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.in, "{ %s\n} 2>&1 </dev/null; code=$?; echo; echo '%s'$code\n", command, endOfCommand); err != nil {
		s.t.Fatal(err)
	}
	for said := ""; ; {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("$ %s\n%s%v", command, said, err)
		}
		if code, ends := strings.CutPrefix(line, endOfCommand); ends {
			n, err := strconv.Atoi(strings.TrimSpace(code))
			if err != nil {
				s.t.Fatal(err)
			}
			return strings.TrimSpace(said), n
		}
		said += line
	}
}

// must is run for a command that succeeds. The exit code alone does not say so: that of cast, as npm installs it, is always 0.
func (s *shellSession) must(command string) string {
	s.t.Helper()
	said, code := s.run(command)
	if code != 0 || strings.Contains("\n"+said, "\nError: ") {
		s.t.Fatalf("$ %s\n%s\nends with %d", command, said, code)
	}
	return said
}

// refused wants a command to end with an error that a contract declares.
func (s *shellSession) refused(command, declaration string) {
	s.t.Helper()
	said, _ := s.run(command)
	if name := calldata.Selector(declaration); !strings.Contains(said, fmt.Sprintf("execution reverted: custom error 0x%x", name)) {
		s.t.Errorf("$ %s\n%s\nwant the error %s (0x%x)", command, said, declaration, name)
	}
}

// A contractsGuide goes through docs/guide/contracts.md.
type contractsGuide struct {
	*shellSession
	dir   string
	chain *anviltest.Chain
	node  *process
	young *youngNode
}

// A youngNode is in front of a node, and has no answer yet when it is asked for the first times, as a node that was just started. So commands
// that do not wait fail every time, and not only on a fast machine.
type youngNode struct {
	url  string
	left atomic.Int64
}

func newYoungNode(t *testing.T, node string) *youngNode {
	t.Helper()
	behind, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	young, proxy := &youngNode{}, httputil.NewSingleHostReverseProxy(behind)
	young.left.Store(3)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/latest") && young.left.Add(-1) >= 0 {
			http.Error(w, "the feed has no attested answer yet", http.StatusNotFound)
			return
		}
		r.Host = behind.Host
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	young.url = server.URL
	return young
}

var (
	namedFile = regexp.MustCompile(`^(?://|#) ([A-Za-z]+\.[a-z]+)\n`)
	fence     = regexp.MustCompile("(?ms)^```([a-z]+)\\n(.*?)^```$")
)

// TestContractsGuide makes the files of the page, compiles and deploys its contracts on a real chain, and runs its commands against a real
// node, as a stranger would. Then each contract must refuse what the page says that it refuses.
func TestContractsGuide(t *testing.T) {
	t.Parallel()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	g := &contractsGuide{dir: t.TempDir(), chain: anviltest.Start(t)}
	g.shellSession = newShellSession(t, g.dir, "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	commands, files := 0, 0
	for _, block := range fence.FindAllStringSubmatch(pageText(t, "docs/guide/contracts.md"), -1) {
		kind, content := block[1], block[2]
		if name := namedFile.FindStringSubmatch(content); name != nil {
			files++
			if err := os.WriteFile(filepath.Join(g.dir, name[1]), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if kind != "console" {
			continue
		}
		for _, step := range strings.Split("\n"+content, "\n$ ")[1:] {
			commands++
			g.step(step)
		}
	}
	if commands < 30 || files != 4 {
		t.Errorf("%d commands and %d files in the page", commands, files)
	}
	if left := g.young.left.Load(); left > 0 {
		t.Errorf("nothing waited for the first answer: %d more refusals were in store", left)
	}
	g.waitingEnds()
	_ = g.node.stop()
	g.consumersRefuse()
	g.proofsAreRefused()
}

// step runs one command, and compares what it prints if the page says what that is.
func (g *contractsGuide) step(step string) {
	g.t.Helper()
	command, want, _ := strings.Cut(step, "\n")
	if strings.Contains(command, "<<END") { // it goes on to the end of its document
		document, rest, _ := strings.Cut(want+"\n", "\nEND\n")
		command, want = command+"\n"+document+"\nEND", rest
	}
	switch {
	case strings.HasPrefix(command, "npm install "):
		g.install(command)
		return
	case strings.HasPrefix(command, "anvil "):
		return // the test's own
	case strings.HasPrefix(command, "dodona run "):
		g.node = launch(g.t, g.dir, "run", strings.TrimSuffix(strings.TrimPrefix(command, "dodona run "), " &"), "--listen", "127.0.0.1:0")
		g.young = newYoungNode(g.t, g.node.awaitURL())
		g.must("export DODONA_API=" + g.node.url)
		return
	}
	root, err := filepath.Abs(repository)
	if err != nil {
		g.t.Fatal(err)
	}
	with := []string{"http://127.0.0.1:8545", g.chain.URL, "~/dodona", root, "{1..120}", "{1..240}"} // for a machine that does other things too
	if g.young != nil {
		with = append(with, "http://127.0.0.1:8080", g.young.url)
	}
	said := g.must(strings.NewReplacer(with...).Replace(command))
	if want = strings.TrimSpace(want); want != "" {
		compare(g.t, command, said, want)
	}
}

// waitingEnds: what never comes is waited for so long and no longer, and what stands in the way is shown.
func (g *contractsGuide) waitingEnds() {
	g.t.Helper()
	page := pageText(g.t, "docs/guide/contracts.md")
	if regexp.MustCompile(`(?m)^\$ .*\b(until|while) `).MatchString(page) {
		g.t.Error("the page has a loop without an end")
	}
	line := regexp.MustCompile(`(?m)^\$ (await\(\) .*)$`).FindStringSubmatch(page)
	if line == nil {
		g.t.Fatal("the page does not say how it waits")
	}
	g.must(strings.Replace(line[1], "{1..120}", "{1..2}", 1))
	said, code := g.run(`await "a round" dodona contract show "" --rpc $ETH_RPC_URL`)
	if code == 0 || !strings.HasPrefix(said, "waiting for a round\n") || !strings.Contains(said, "dodona: ") {
		g.t.Errorf("waiting for what never comes ends with %d: %s", code, said)
	}
}

// install holds the versions of the page to those that the tests have, and puts these in place.
func (g *contractsGuide) install(command string) {
	g.t.Helper()
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal([]byte(pageText(g.t, "contracts/package-lock.json")), &lock); err != nil {
		g.t.Fatal(err)
	}
	for _, word := range strings.Fields(command)[3:] {
		at := strings.LastIndex(word, "@")
		if got := lock.Packages["node_modules/"+word[:at]].Version; got != word[at+1:] {
			g.t.Errorf("the page installs %s, the tests have version %q", word, got)
		}
	}
	modules, err := filepath.Abs(filepath.Join(repository, "contracts", "node_modules"))
	if err != nil {
		g.t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(g.dir, "node_modules")); err != nil {
		g.t.Fatal(err)
	}
}

// holds puts a round, so many seconds after the newest block, and a value into the feed's contract.
func (g *contractsGuide) holds(seconds int64, value int64) {
	g.t.Helper()
	g.chain.Do("evm_mine")
	head, err := g.chain.Header(g.t.Context(), ethrpc.Latest)
	if err != nil {
		g.t.Fatal(err)
	}
	word := calldata.FeedWord(dodona.Report{Round: dodona.Round((int64(head.Time) + seconds) * 1000), Value: dodona.NewInt192(value)})
	g.chain.Do("anvil_setStorageAt", strings.ToLower(g.must("echo $FEED")), dodona.Digest{}.String(), dodona.Digest(word).String())
}

// asks calls a function without arguments of the contract whose address a variable of the session holds. It returns the words that come
// back, or what the contract reverted with.
func (g *contractsGuide) asks(contract, function string) (words []string, refusal []byte) {
	g.t.Helper()
	var to dodona.Address
	if err := to.UnmarshalText([]byte(strings.ToLower(g.must("echo $" + contract)))); err != nil {
		g.t.Fatal(err)
	}
	call := calldata.Selector(function)
	out, err := g.chain.CallContract(g.t.Context(), ethrpc.Message{To: &to, Data: call[:]}, ethrpc.Latest)
	var said *ethrpc.Error
	if errors.As(err, &said) {
		return nil, said.Revert()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	for word := range slices.Chunk(out, 32) {
		words = append(words, new(big.Int).SetBytes(word).String())
	}
	return words, nil
}

// wants compares what a contract says with what is wanted: numbers, or an error's declaration.
func (g *contractsGuide) wants(contract, function, want string) {
	g.t.Helper()
	words, refusal := g.asks(contract, function)
	got := strings.Join(words, " ")
	if name := calldata.Selector(want); strings.Contains(want, "(") && len(refusal) >= 4 && [4]byte(refusal) == name {
		got = want
	}
	if got != want {
		g.t.Errorf("%s.%s says %s%x, want %s", contract, function, got, refusal, want)
	}
}

// consumersRefuse looks at every state that the feed's contract can be in.
func (g *contractsGuide) consumersRefuse() {
	g.t.Helper()
	for _, c := range []struct {
		name           string
		seconds, value int64
		vault, lender  string // what each says: an error, or a number
	}{
		{"a price of now", 0, 4321855, "4321855", "43218550000000000000000"},
		{"one of a block that is ahead", 14, 4321855, "4321855", "43218550000000000000000"},
		{"one that is old", -360, 4321855, "StaleRound(uint64)", "StalePrice(uint256)"},
		{"zero", 0, 0, "BadPrice(int192)", "BadPrice(int256)"},
		{"below zero", 0, -1, "BadPrice(int192)", "BadPrice(int256)"},
	} {
		g.t.Logf("the contract holds %s", c.name)
		g.holds(c.seconds, c.value)
		g.wants("VAULT", "price()", c.vault)
		g.wants("LENDER", "price()", c.lender)
	}
	g.wants("VAULT", "tryPrice()", "BadPrice(int192)")
	g.holds(-360, 4321855)
	g.wants("VAULT", "tryPrice()", "0 0")
	g.chain.Do("anvil_setStorageAt", strings.ToLower(g.must("echo $FEED")), dodona.Digest{}.String(), dodona.Digest{}.String())
	g.wants("VAULT", "price()", "NoAnswer()")
	g.wants("VAULT", "tryPrice()", "0 0")
	if _, refusal := g.asks("LENDER", "price()"); !strings.Contains(string(refusal), "No data present") {
		g.t.Errorf("before the first price the adapter says %x", refusal)
	}
	g.refused(`cast send --private-key $ETH_PRIVATE_KEY --create "0x$(cat build/Vault_sol_Vault.bin)" "constructor(address,bytes32)" $FEED $ID`, "OtherNetwork()")
	g.must("sed s/btc.usd/eth.usd/ Vault.sol >Other.sol && solcjs --bin --base-path . -o build Other.sol")
	g.refused(`cast send --private-key $ETH_PRIVATE_KEY --create "0x$(cat build/Other_sol_Vault.bin)" "constructor(address,bytes32)" $FEED $NETWORK`, "OtherFeed()")
}

// proofsAreRefused brings what is not the leaf that was agreed on, or not under the root.
func (g *contractsGuide) proofsAreRefused() {
	g.t.Helper()
	settle := func(to, leaf, way string) string {
		return fmt.Sprintf(`cast call $SETTLEMENT "settle(uint64,(uint8,bytes32,uint64,int192,bytes32),bytes32[])" %s "%s" "%s"`, to, leaf, way)
	}
	g.must(settle("$TO", "$LEAF", "$WAY"))
	g.refused(settle("$TO", `$(jq -r '.proof.leaf | "(\(.kind),\(.feed),\(.round),\(.value)0,\(.observed))"' proof.json)`, "$WAY"), "NotProved()")
	g.refused(settle("$TO", `$(jq -r '.proof.leaf | "(3,\(.feed),\(.round),\(.value),\(.observed))"' proof.json)`, "$WAY"), "NotProved()")
	g.refused(settle("$TO", `$(jq -r '.proof.leaf | "(2,\(.feed),\(.round),\(.value),\(.observed))"' proof.json)`, "$WAY"), "OtherLeaf()")
	g.refused(settle("$TO", `$(jq -r '.proof.leaf | "(1,\(.feed),\(.round + 5000),\(.value),\(.observed))"' proof.json)`, "$WAY"), "OtherLeaf()")
	g.refused(settle("$TO", "$LEAF", "[$ID]"), "NotProved()")
	g.refused(settle("$((TO + 3600000))", "$LEAF", "$WAY"), "NotAnchored()")
}

// TestContractsGuideNamesEveryError of the contracts, as they declare it, and no other one.
func TestContractsGuideNamesEveryError(t *testing.T) {
	declared := make(map[string]bool)
	for _, name := range contracts.Names() {
		artifact, err := contracts.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		var abi []struct {
			Type, Name string
			Inputs     []struct{ Type, Name string }
		}
		if err := json.Unmarshal(artifact.ABI, &abi); err != nil {
			t.Fatal(err)
		}
		for _, e := range abi {
			if e.Type != "error" {
				continue
			}
			arguments := make([]string, len(e.Inputs))
			for i, in := range e.Inputs {
				arguments[i] = in.Type + " " + in.Name
			}
			declared[e.Name+"("+strings.Join(arguments, ", ")+")"] = true
		}
	}
	_, table, _ := strings.Cut(pageText(t, "docs/guide/contracts.md"), "## Errors\n")
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+\\([a-z0-9 ]*\\))`").FindAllStringSubmatch(table, -1) {
		named = append(named, m[1])
		if !declared[m[1]] {
			t.Errorf("the page names %s, which no contract declares", m[1])
		}
	}
	for e := range declared {
		if !slices.Contains(named, e) {
			t.Errorf("the page does not name %s", e)
		}
	}
}
