package prom

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

// writeProcess prints what the process takes, under the names that Prometheus's own client gives it.
// Outside Linux the lines that come from /proc are missing.
func writeProcess(b *bytes.Buffer) {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	for i, m := range []struct {
		name string
		kind kind
	}{
		{"go_goroutines", gauge}, {"go_memstats_heap_alloc_bytes", gauge}, {"go_memstats_sys_bytes", gauge}, {"go_gc_cycles_total", counter},
	} {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			head(b, m.name, m.kind)
			fmt.Fprintf(b, "%s %d\n", m.name, samples[i].Value.Uint64())
		}
	}
	head(b, "go_info", gauge)
	fmt.Fprintf(b, "go_info{version=%q} 1\n", runtime.Version())
	if rss, found := residentBytes(); found {
		head(b, "process_resident_memory_bytes", gauge)
		fmt.Fprintf(b, "process_resident_memory_bytes %d\n", rss)
	}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		head(b, "process_open_fds", gauge)
		fmt.Fprintf(b, "process_open_fds %d\n", len(entries)-1) // one of them is the folder itself
	}
}

// residentBytes reads the resident set from /proc/self/statm (proc(5)): the second field, in pages.
func residentBytes() (uint64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize()), err == nil
}
