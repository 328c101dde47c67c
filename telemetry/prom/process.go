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
	heapLive   = telemetry.NewGauge("go_gc_heap_live_bytes", "Heap memory occupied by live objects that were marked by the previous GC")
	goMemory   = telemetry.NewGauge("go_memstats_sys_bytes", "Number of bytes obtained from system")
	gcCycles   = telemetry.NewCounter("go_gc_cycles_total", "Number of garbage collections")
	goInfo     = telemetry.NewGauges("go_info", "version", "Information about the Go environment")
	resident   = telemetry.NewGauge("process_resident_memory_bytes", "Resident memory size in bytes")
	virtual    = telemetry.NewGauge("process_virtual_memory_bytes", "Virtual memory size in bytes")
	openFiles  = telemetry.NewGauge("process_open_fds", "Number of open file descriptors")
	mostFiles  = telemetry.NewGauge("process_max_fds", "Maximum number of open file descriptors")
	processor  = telemetry.NewCounter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds")
	startTime  = telemetry.NewGauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds")
	buildInfo  = telemetry.NewGauges("dodona_build_info", "version", "The program that runs; the value is 1")
)

// writeProcess prints what the process is and takes. Outside Linux the lines that come from /proc are missing.
func writeProcess(b *bytes.Buffer, version string) {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	for i, m := range []struct {
		*telemetry.Metric
		kind
	}{{goroutines.Metric(), gauge}, {heapAlloc.Metric(), gauge}, {heapLive.Metric(), gauge}, {goMemory.Metric(), gauge}, {gcCycles.Metric(), counter}} {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			single(b, m.Metric, m.kind, samples[i].Value.Uint64())
		}
	}
	for _, info := range []struct {
		*telemetry.Metric
		value string
	}{{goInfo.Metric(), runtime.Version()}, {buildInfo.Metric(), version}} {
		if info.value != "" {
			head(b, info.Metric, gauge)
			fmt.Fprintf(b, "%s{%s=\"%s\"} 1\n", info.Name, info.Label, inLabel.Replace(info.value))
		}
	}
	pages, page := fieldsOf("/proc/self/statm", 2), uint64(os.Getpagesize())
	if len(pages) >= 2 {
		single(b, virtual.Metric(), gauge, pages[0]*page)
		single(b, resident.Metric(), gauge, pages[1]*page)
	}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		single(b, openFiles.Metric(), gauge, uint64(len(entries)-1)) // one of them is the folder itself
	}
	if most, found := numberAfter("/proc/self/limits", "Max open files"); found {
		single(b, mostFiles.Metric(), gauge, most)
	}
	writeTimes(b)
}

// ticks are the units of time in /proc/self/stat, a second: USER_HZ, which is 100 on every machine that Go runs on.
const ticks = 100

// writeTimes prints how long the process has worked, and when it began, by proc(5): of /proc/self/stat the fields 14, 15 and 22, and
// of /proc/stat when the machine began.
func writeTimes(b *bytes.Buffer) {
	const afterName = 3 // the field after the program's name, which may hold anything
	stat := fieldsOf("/proc/self/stat", 22-afterName+1)
	if len(stat) <= 22-afterName {
		return
	}
	head(b, processor.Metric(), counter)
	fmt.Fprintf(b, "%s %s\n", processor.Metric().Name, exact(int64(stat[14-afterName]+stat[15-afterName]), ticks))
	if boot, found := numberAfter("/proc/stat", "btime"); found {
		head(b, startTime.Metric(), gauge)
		fmt.Fprintf(b, "%s %s\n", startTime.Metric().Name, exact(int64(boot*ticks+stat[22-afterName]), ticks))
	}
}

// fieldsOf returns the first numbers of a file, from behind a name in parentheses if there is one; 0 for what is no number.
func fieldsOf(file string, most int) (numbers []uint64) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	for _, field := range fields[:min(most, len(fields))] {
		n, _ := strconv.ParseUint(field, 10, 64)
		numbers = append(numbers, n)
	}
	return numbers
}

// numberAfter returns the first number of the line of a file that begins with word.
func numberAfter(file, word string) (uint64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, word); found {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, err := strconv.ParseUint(fields[0], 10, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}
