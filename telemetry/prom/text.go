package prom

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// write prints every metric, sorted, so that two readings can be compared line by line.
func (r *Recorder) write(b *bytes.Buffer) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(r.metrics)) {
		m := r.metrics[name]
		if name != m.name || name == string(Overflow) {
			continue // another spelling of a metric: a family must not come twice
		}
		head(b, m.name, m.kind)
		for _, label := range slices.Sorted(maps.Keys(m.series)) {
			m.line(b, label, m.series[label])
		}
	}
	head(b, string(Overflow), counter)
	fmt.Fprintf(b, "%s %d\n", Overflow, r.lost.Load())
}

// head prints what a metric is. Its help is its name, which says what and in which unit.
func head(b *bytes.Buffer, name string, k kind) {
	help := strings.TrimSuffix(strings.TrimPrefix(name, prefix), "_total")
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, strings.ReplaceAll(help, "_", " "), name, k)
}

func (m *metric) line(b *bytes.Buffer, label string, s *series) {
	switch m.kind {
	case counter:
		fmt.Fprintf(b, "%s%s %d\n", m.name, braces(label, ""), uint64(s.value.Load()))
	case gauge:
		fmt.Fprintf(b, "%s%s %d\n", m.name, braces(label, ""), s.value.Load())
	case timer:
		// The sum is read before the buckets: a duration that arrives in between is in the count alone, never the other way.
		sum, count := s.value.Load(), uint64(0)
		for i, bound := range bounds {
			count += s.buckets[i].Load()
			fmt.Fprintf(b, "%s_bucket%s %d\n", m.name, braces(label, seconds(bound)), count)
		}
		count += s.buckets[len(bounds)].Load()
		fmt.Fprintf(b, "%s_bucket%s %d\n", m.name, braces(label, "+Inf"), count)
		fmt.Fprintf(b, "%s_sum%s %s\n", m.name, braces(label, ""), seconds(time.Duration(sum)))
		fmt.Fprintf(b, "%s_count%s %d\n", m.name, braces(label, ""), count)
	}
}

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// braces prints the label, and the bound of a bucket, where there are any.
func braces(label, bound string) string {
	var parts []string
	if label != "" {
		parts = append(parts, `name="`+escape.Replace(label)+`"`)
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
func seconds(d time.Duration) string {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	if rest == 0 {
		return strconv.FormatInt(whole, 10)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%09d", whole, rest), "0")
}
