package prom

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/telemetry"
)

// What the process takes, under the names and with the help that Prometheus's own client gives it.
var (
	goroutines = telemetry.NewGauge("go_goroutines", "Number of goroutines that currently exist")
	heapAlloc  = telemetry.NewGauge("go_memstats_heap_alloc_bytes", "Number of heap bytes allocated and currently in use")
	goMemory   = telemetry.NewGauge("go_memstats_sys_bytes", "Number of bytes obtained from system")
	gcCycles   = telemetry.NewCounter("go_gc_cycles_total", "Number of garbage collections")
	goInfo     = telemetry.NewGauges("go_info", "version", "Information about the Go environment")
	resident   = telemetry.NewGauge("process_resident_memory_bytes", "Resident memory size in bytes")
	openFiles  = telemetry.NewGauge("process_open_fds", "Number of open file descriptors")
)

// writeProcess prints what the process takes. Outside Linux the lines that come from /proc are missing.
func writeProcess(b *bytes.Buffer) {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	for i, m := range []struct {
		*telemetry.Metric
		kind
	}{{goroutines.Metric(), gauge}, {heapAlloc.Metric(), gauge}, {goMemory.Metric(), gauge}, {gcCycles.Metric(), counter}} {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			single(b, m.Metric, m.kind, samples[i].Value.Uint64())
		}
	}
	info := goInfo.Metric()
	head(b, info, gauge)
	fmt.Fprintf(b, "%s{%s=%q} 1\n", info.Name, info.Label, runtime.Version())
	if rss, found := residentBytes(); found {
		single(b, resident.Metric(), gauge, rss)
	}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		single(b, openFiles.Metric(), gauge, uint64(len(entries)-1)) // one of them is the folder itself
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
