package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/examples"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-worker" { // a command under test starts its own program, which is this one
		main()
	}
	if how := os.Getenv(crashing); how != "" {
		crash(how)
	}
	testscript.Main(cleaning{m}, map[string]func(){"dodona": main})
}

// cleaning removes the program that other tests built.
type cleaning struct{ m *testing.M }

func (c cleaning) Run() int {
	code := c.m.Run()
	removeBinary()
	return code
}

// TestSessions runs the sessions in testdata/script at the root: they read like a terminal.
func TestSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program over and over")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join(root, "testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Values[runningKey{}] = new(running)
			e.Setenv("ROOT", root)
			e.Setenv("ATTACKS", filepath.Join(root, "module", "testdata", "attacks"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"price": cmdPrice, "expand": cmdExpand, "node": cmdNode, "stopnode": cmdStopNode, "hup": cmdHup, "post": cmdPost, "latest": cmdLatest,
			"await": cmdAwait, "replace": cmdReplace, "nowhere": cmdNowhere, "examples": cmdExamples, "exits": cmdExits,
		},
	})
}

// price NAME BODY [TYPE] serves BODY, which is JSON if no TYPE is given, and puts the URL into $NAME.
func cmdPrice(ts *testscript.TestScript, _ bool, args []string) {
	mediaType := "application/json"
	if len(args) > 2 {
		mediaType = args[2]
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		fmt.Fprint(w, args[1])
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// expand FILE replaces $NAME in FILE by the environment.
func cmdExpand(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

// running is the node of a script.
type running struct {
	cmd *exec.Cmd
	log *os.File
}

// runningKey is where a script keeps its node.
type runningKey struct{}

// node FILE runs a node at a free port until stopnode or the end, puts where it serves into $API and $DODONA_API,
// and what it says into node.log.
func cmdNode(ts *testscript.TestScript, _ bool, args []string) {
	log, err := os.Create(ts.MkAbs("node.log"))
	ts.Check(err)
	cmd := exec.Command("dodona", "run", args[0], "--listen", "127.0.0.1:0")
	cmd.Path, err = exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "dodona"))
	ts.Check(err)
	cmd.Dir, cmd.Stderr = ts.MkAbs("."), log
	cmd.Env = append(os.Environ(), "HOME="+ts.MkAbs("."))
	ts.Check(cmd.Start())
	r := ts.Value(runningKey{}).(*running)
	r.cmd, r.log = cmd, log
	ts.Defer(r.stop)
	url := regexp.MustCompile(`page and API at (\S+)`)
	waitFor(ts, func() error {
		said := ts.ReadFile("node.log")
		if m := url.FindStringSubmatch(said); m != nil {
			ts.Setenv("API", m[1])
			ts.Setenv("DODONA_API", m[1])
			return nil
		}
		return fmt.Errorf("the node does not serve; it said:\n%s", said)
	})
}

func (r *running) stop() {
	if r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		_ = r.cmd.Wait()
		_ = r.log.Close()
	}
}

// stopnode ends the node and fails unless it ends well.
func cmdStopNode(ts *testscript.TestScript, _ bool, _ []string) {
	r := ts.Value(runningKey{}).(*running)
	r.stop()
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		ts.Fatalf("the node ended with %d; it said:\n%s", code, ts.ReadFile("node.log"))
	}
}

// hup sends the node SIGHUP.
func cmdHup(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Value(runningKey{}).(*running).cmd.Process.Signal(syscall.SIGHUP))
}

// post STATUS PATH TEXT… sends a request as the command would, and checks status and body. With ! it sends none of
// the headers that keep a web page from forging it.
func cmdPost(ts *testscript.TestScript, neg bool, args []string) {
	request, err := http.NewRequest(http.MethodPost, ts.Getenv("API")+args[1], nil)
	ts.Check(err)
	if !neg {
		request.Header.Set(api.RequestHeader, "script")
	}
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if strconv.Itoa(response.StatusCode) != args[0] {
		ts.Fatalf("%s: %s, want %s: %s", args[1], response.Status, args[0], body)
	}
	for _, text := range args[2:] {
		if !bytes.Contains(body, []byte(text)) {
			ts.Fatalf("%s does not say %q: %s", args[1], text, body)
		}
	}
}

// latest FEED FILE waits for an answer and writes it.
func cmdLatest(ts *testscript.TestScript, _ bool, args []string) {
	waitFor(ts, func() error {
		body, err := get(ts.Getenv("API") + "/v1/feeds/" + args[0] + "/latest")
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs(args[1]), body, 0o600)
	})
}

// await FEED TEXT… waits until what the API says of the feeds contains every text.
func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	waitFor(ts, func() error {
		body, err := get(ts.Getenv("API") + "/v1/feeds")
		for _, text := range args[1:] {
			if err == nil && !bytes.Contains(body, []byte(text)) {
				err = fmt.Errorf("the feeds do not say %q: %s", text, body)
			}
		}
		return err
	})
}

func waitFor(ts *testscript.TestScript, f func() error) {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	ts.Fatalf("%v", err)
}

// replace FROM TO OLD NEW copies a file with a text replaced, and fails if it does not hold it.
func cmdReplace(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[2]) {
		ts.Fatalf("%s does not contain %s", args[0], args[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ReplaceAll(text, args[2], args[3])), 0o600))
}

// nowhere TEXT PATH… fails if a file at or below the paths holds the text, as hex digits or as bytes.
func cmdNowhere(ts *testscript.TestScript, _ bool, args []string) {
	for _, root := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(args[0])) || bytes.Contains(content, bytes.Repeat([]byte{0x46}, 16)) {
				ts.Fatalf("%s holds %s", path, args[0])
			}
			return err
		}))
	}
}

// exits CODE PROGRAM ARG… runs a program that must end with the code.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; strconv.Itoa(got) != want {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), got, want)
	}
}

// examples checks every example, and every configuration in the documentation.
func cmdExamples(ts *testscript.TestScript, _ bool, _ []string) {
	entries, err := examples.Files.ReadDir(".")
	ts.Check(err)
	for _, e := range entries {
		text, err := examples.Files.ReadFile(e.Name())
		ts.Check(err)
		checkText(ts, e.Name(), string(text))
	}
	root := ts.Getenv("ROOT")
	found := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "spec/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		ts.Check(err)
		for _, page := range pages {
			text, err := os.ReadFile(page)
			ts.Check(err)
			tables := []string{} // of registers, which stand beside the configuration: each name, and where it is here
			for i, table := range csvBlock.FindAllStringSubmatch(string(text), -1) {
				file := ts.MkAbs(fmt.Sprintf("%s-%d-%s", filepath.Base(page), i, table[1]))
				ts.Check(os.WriteFile(file, []byte(table[2]), 0o600))
				tables = append(tables, "file: "+table[1], "file: "+file)
			}
			for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
				if wholeConfig.MatchString(block[1]) {
					checkText(ts, page, strings.NewReplacer(tables...).Replace(block[1]))
					found++
				}
			}
		}
	}
	if found < 2 {
		ts.Fatalf("only %d configurations in the documentation", found)
	}
}

var (
	csvBlock    = regexp.MustCompile("(?s)```csv\n# ([a-z]+\\.csv)\n(.*?)```")
	yamlBlock   = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	wholeConfig = regexp.MustCompile(`(?m)^(feeds|endpoint):`) // other blocks are fragments
)

func checkText(ts *testscript.TestScript, name, text string) {
	if _, err := config.Load(strings.NewReader(text), name, allKinds()); err != nil {
		ts.Fatalf("%s: %v\n%s", name, err, text)
	}
}
