package api

import (
	"bytes"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// Process says where the node's process stands and what Go knows of it, for who looks for a fault or for its files. It names code, numbers and
// two places, and nothing that the node reads or keeps.
type Process struct {
	PID        int               `json:"pid"`
	Folder     string            `json:"folder"`               // where relative paths of its configuration begin
	File       string            `json:"file,omitempty"`       // the configuration that it runs by; none if that came from standard input
	SHA256     string            `json:"fileSHA256,omitempty"` // of that file when the node read it last
	Go         string            `json:"go"`                   // the version of Go that built it
	System     string            `json:"system"`               // and for what: linux/arm64
	Processors int               `json:"processors"`           // that it uses at a time
	Goroutines int               `json:"goroutines"`
	Memory     map[string]uint64 `json:"memory"` // bytes, by Go's own names: /memory/classes/heap/objects:bytes and its kin
	Stacks     string            `json:"stacks"` // of all goroutines, those that stand alike together: functions and places in the code
}

// maxStacks bounds the text of all stacks.
const maxStacks = 1 << 20

// process answers whoever sits at the machine, and nobody else: not even with a token does it go over a network.
func (h *Handler) process(w http.ResponseWriter, r *http.Request) {
	if !isLocal(r) {
		writeProblem(w, problem{kind: "local", status: http.StatusForbidden, detail: "this is told on the machine itself alone, and not through a proxy: ask a loopback address there"})
		return
	}
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // into memory: cannot fail
	folder, _ := os.Getwd()                           // one that was removed has no name
	file, sum := h.runs()
	writeJSON(w, Process{
		PID: os.Getpid(), Folder: folder, File: file, SHA256: sum,
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.GOMAXPROCS(0), Goroutines: runtime.NumGoroutine(),
		Memory: memory(), Stacks: plain.Cut(stacks.String(), maxStacks),
	})
}

// isLocal reports whether a request comes from this machine, as far as that can be told: a proxy here says whom it asks for.
func isLocal(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

// memory returns what Go holds, by its own names.
func memory() map[string]uint64 {
	var samples []metrics.Sample
	for _, name := range []string{
		"/memory/classes/total:bytes", "/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes",
		"/memory/classes/heap/released:bytes", "/memory/classes/heap/stacks:bytes", "/memory/classes/metadata/other:bytes", "/memory/classes/other:bytes",
		"/gc/heap/live:bytes", "/gc/heap/goal:bytes", "/gc/gomemlimit:bytes",
	} {
		samples = append(samples, metrics.Sample{Name: name})
	}
	metrics.Read(samples)
	out := make(map[string]uint64, len(samples))
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			out[s.Name] = s.Value.Uint64()
		}
	}
	return out
}
