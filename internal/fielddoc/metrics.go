package fielddoc

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Group is the metrics that one file declares.
type Group struct {
	Name, Doc string // the file's without ".go", and what the comment of the declarations says
	Metrics   []Metric
}

// A Metric is one declaration of package telemetry: its constructor, such as "NewCounters", and its arguments.
type Metric struct {
	Kind, Name, Label, Help string
}

// metricKinds are the constructors and how many arguments each takes; those with a label in plural.
var metricKinds = map[string]int{
	"NewCounter": 2, "NewGauge": 2, "NewTimer": 2,
	"NewCounters": 3, "NewGauges": 3, "NewTimers": 3,
}

// readMetrics adds what package telemetry declares, and what its adapter for Prometheus adds.
func (m *Manual) readMetrics(root string) error {
	var mistakes []error
	seen := map[string]bool{}
	for _, dir := range []string{"telemetry", "telemetry/prom"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if path.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, dir, e.Name()), nil, parser.ParseComments)
			if err != nil {
				return err
			}
			group, err := readGroup(file)
			mistakes = append(mistakes, err)
			for _, metric := range group.Metrics {
				if err := metric.check(dir == "telemetry"); err != nil {
					mistakes = append(mistakes, fmt.Errorf("metric %q: %w", metric.Name, err))
				}
				if seen[metric.Name] {
					mistakes = append(mistakes, fmt.Errorf("metric %q is declared twice", metric.Name))
				}
				seen[metric.Name] = true
			}
			if group.Name = strings.TrimSuffix(e.Name(), ".go"); len(group.Metrics) > 0 {
				m.Metrics = append(m.Metrics, group)
			}
		}
	}
	return errors.Join(mistakes...)
}

// readGroup returns the metrics that a file declares.
func readGroup(file *ast.File) (g Group, err error) {
	var mistakes []error
	for _, decl := range file.Decls {
		vars, ok := decl.(*ast.GenDecl)
		if !ok || vars.Tok != token.VAR {
			continue
		}
		ast.Inspect(vars, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			constructor := called(call)
			if metricKinds[constructor] == 0 {
				return true
			}
			metric, err := newMetric(constructor, call.Args)
			mistakes = append(mistakes, err)
			g.Metrics, g.Doc = append(g.Metrics, metric), text(vars.Doc)
			return true
		})
	}
	return g, errors.Join(mistakes...)
}

// called returns the name of the function that is called, without its package.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func newMetric(constructor string, args []ast.Expr) (Metric, error) {
	var texts []string
	for _, arg := range args {
		literal, ok := arg.(*ast.BasicLit)
		if !ok {
			return Metric{Kind: constructor}, fmt.Errorf("%s: the name, label and help of a metric must be literals", constructor)
		}
		said, err := strconv.Unquote(literal.Value)
		if err != nil {
			return Metric{Kind: constructor}, fmt.Errorf("%s: %w", constructor, err)
		}
		texts = append(texts, said)
	}
	if len(texts) != metricKinds[constructor] {
		return Metric{Kind: constructor}, fmt.Errorf("%s: got %d texts, want %d", constructor, len(texts), metricKinds[constructor])
	}
	m := Metric{Kind: constructor, Name: texts[0], Help: texts[len(texts)-1]}
	if len(texts) == 3 {
		m.Label = texts[1]
	}
	return m, nil
}

var (
	metricName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	// reservedLabels are those that Prometheus adds or reads itself.
	reservedLabels = []string{"le", "quantile", "job", "instance", "name"}
)

// otherUnit finds units in a name that are parts of a base unit, which Prometheus' conventions want.
var otherUnit = regexp.MustCompile(`_(milli|micro|nano)?(ms|us|ns|millis|minutes?|hours?|days?|milliseconds?|microseconds?|nanoseconds?|kilobytes|kib|mib|wei|gwei|percent)(_total)?$`)

// check returns what is wrong with a declaration; ours are those of this program, the others those of any.
func (m Metric) check(ours bool) error {
	kind := strings.TrimSuffix(strings.TrimPrefix(m.Kind, "New"), "s")
	switch {
	case !metricName.MatchString(m.Name) || (ours && !strings.HasPrefix(m.Name, "dodona_")):
		return errors.New("want a name such as dodona_source_readings_total")
	case ours && (kind == "Counter") != strings.HasSuffix(m.Name, "_total"):
		return errors.New("a counter's name ends in _total, and no other")
	case ours && (kind == "Timer") != strings.HasSuffix(m.Name, "_seconds") && !(kind == "Gauge" && strings.HasSuffix(m.Name, "_timestamp_seconds")):
		return errors.New("a timer's name ends in _seconds, a gauge's of an instant in _timestamp_seconds, and no other")
	case ours && otherUnit.MatchString(m.Name):
		return errors.New("want a base unit: seconds, bytes, ether")
	case strings.HasSuffix(m.Kind, "s") && (!metricName.MatchString(m.Label) || slices.Contains(reservedLabels, m.Label)):
		return fmt.Errorf("%q cannot be a label; want what its values are, such as source", m.Label)
	case m.Help == "" || strings.HasSuffix(m.Help, ".") || strings.Contains(m.Help, "\n"):
		return errors.New("want a help of one sentence without its full stop")
	}
	return nil
}

const metricsIntro = `# Metrics

` + "`GET /metrics`" + ` serves them in the text format of Prometheus, with this help. A metric is there from its first measurement on. One with a
label keeps 200 values of it apart; what is measured under others is counted together under the value ` + "`overflow`" + `. Timers are
histograms in seconds, from 0.1 ms to a minute.
`

// metrics returns the page of what is measured.
func (m Manual) metrics() []byte {
	var b bytes.Buffer
	b.WriteString(generated + metricsIntro)
	for _, g := range m.Metrics {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| metric | is | label | meaning |\n|---|---|---|---|\n", g.Name, g.Doc)
		for _, metric := range g.Metrics {
			kind := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(metric.Kind, "New"), "s"))
			label := metric.Label
			if label != "" {
				label = "`" + label + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", metric.Name, kind, label, cell(metric.Help))
		}
	}
	return b.Bytes()
}
