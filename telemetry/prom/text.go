package prom

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// write prints every metric, sorted, so that two readings can be compared line by line.
func (r *Recorder) write(b *bytes.Buffer) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	byName := func(f, g *family) int { return strings.Compare(f.Name, g.Name) }
	for _, f := range slices.SortedFunc(maps.Values(r.families), byName) {
		head(b, f.Metric, f.kind)
		for _, value := range slices.Sorted(maps.Keys(f.series)) {
			f.line(b, value, f.series[value])
		}
	}
	single(b, telemetry.MetricsOverflow.Metric(), counter, r.lost.Load())
}

// inHelp and inLabel escape what the text format reads otherwise: a help ends with its line, a value with a quote.
var (
	inHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	inLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// head prints what a metric is.
func head(b *bytes.Buffer, m *telemetry.Metric, k kind) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", m.Name, inHelp.Replace(m.Help), m.Name, k)
}

// single prints a metric that has no label.
func single(b *bytes.Buffer, m *telemetry.Metric, k kind, v uint64) {
	head(b, m, k)
	fmt.Fprintf(b, "%s %d\n", m.Name, v)
}

func (f *family) line(b *bytes.Buffer, value string, s *series) {
	switch f.kind {
	case counter:
		fmt.Fprintf(b, "%s%s %d\n", f.Name, f.braces(value, ""), uint64(s.value.Load()))
	case gauge:
		fmt.Fprintf(b, "%s%s %s\n", f.Name, f.braces(value, ""), exact(s.value.Load(), max(f.Per, 1)))
	case timer:
		// The sum is read before the buckets: a duration that arrives in between is in the count alone, never the other way.
		sum, count := s.value.Load(), uint64(0)
		for i, bound := range bounds {
			count += s.buckets[i].Load()
			fmt.Fprintf(b, "%s_bucket%s %d\n", f.Name, f.braces(value, seconds(bound)), count)
		}
		count += s.buckets[len(bounds)].Load()
		fmt.Fprintf(b, "%s_bucket%s %d\n", f.Name, f.braces(value, "+Inf"), count)
		fmt.Fprintf(b, "%s_sum%s %s\n", f.Name, f.braces(value, ""), seconds(time.Duration(sum)))
		fmt.Fprintf(b, "%s_count%s %d\n", f.Name, f.braces(value, ""), count)
	}
}

// braces prints the label, and the bound of a bucket, where there are any.
func (f *family) braces(value, bound string) string {
	var parts []string
	if f.Label != "" {
		parts = append(parts, f.Label+`="`+inLabel.Replace(value)+`"`)
	}
	if bound != "" {
		parts = append(parts, `le="`+bound+`"`)
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// seconds prints d in seconds exactly: 0.0025, 30.
func seconds(d time.Duration) string { return exact(int64(d), int64(time.Second)) }

// exact prints v divided by a power of ten.
func exact(v, per int64) string {
	whole, rest := v/per, v%per
	if rest == 0 {
		return strconv.FormatInt(whole, 10)
	}
	sign := ""
	if v < 0 {
		sign, whole, rest = "-", -whole, -rest
	}
	fraction := strconv.FormatInt(per+rest, 10)[1:]
	return sign + strconv.FormatInt(whole, 10) + "." + strings.TrimRight(fraction, "0")
}
