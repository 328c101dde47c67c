#!/usr/bin/env bash
# soak.sh TIME: runs the demo for TIME (such as 10m) and compares memory, goroutines and descriptors of the node
# early on with those at the end. Fails if they grow, or if the demo's own promise breaks.
set -euo pipefail
duration=${1:-10m}
seconds=$(awk -v d="$duration" 'BEGIN {n = d + 0; u = d; sub(/^[0-9]+/, "", u); print u == "h" ? n*3600 : u == "m" ? n*60 : n}')
[ "$seconds" -ge 60 ] || { echo "soak: want at least 60s, got $duration" >&2; exit 2; }
port=$((20000 + RANDOM % 20000))
out=$(mktemp)
samples=$(mktemp)
trap 'rm -f "$out" "$samples"' EXIT
bin/demo --for "${seconds}s" --json --listen "127.0.0.1:$port" >"$out" &
pid=$!
# sample prints when, the heap that lives, what is resident, goroutines and descriptors; nothing while the node does not serve.
sample() {
  curl -sf "http://127.0.0.1:$port/metrics" | awk -v at="$SECONDS" '
    {v[$1] = $2}
    END {if (NR) print at, v["go_gc_heap_live_bytes"], v["process_resident_memory_bytes"], v["go_goroutines"], v["process_open_fds"]}' || true
}
SECONDS=0
while [ $SECONDS -lt $((seconds - 3)) ]; do
  sample >>"$samples"
  sleep 1
done
wait $pid
cat "$out"
# What is compared is the least of a window: garbage and requests come and go. The journal has the newest block of its two streams in memory, which
# grows with it up to 8 MiB each, in about five minutes: a run of ten begins to compare behind that, and a shorter one has room for it.
awk -v total="$seconds" '
  function least(column, from, to,   i, n) {
    n = -1
    for (i = 1; i <= NR; i++) if (at[i] >= from && at[i] < to && (n < 0 || value[i, column] < n)) n = value[i, column]
    return n
  }
  function judge(name, column, unit, most,   early, late) {
    early = least(column, from, from + window) / unit
    late = least(column, total - window, total) / unit
    printf "%s: %.1f after %d s, %.1f at the end\n", name, early, from, late
    if (early <= 0 || late <= 0) { print "soak: " name " was not measured" > "/dev/stderr"; failed = 1 }
    if (late > early + most) { printf "soak: %s grew by %.1f, want at most %d\n", name, late - early, most > "/dev/stderr"; failed = 1 }
  }
  {at[NR] = $1; for (i = 2; i <= NF; i++) value[NR, i] = $i}
  END {
    long = total >= 600
    from = long ? total / 2 : total / 4
    window = total / 6
    judge("live heap, MiB", 2, 1048576, long ? 6 : 20)
    judge("resident memory, MiB", 3, 1048576, long ? 12 : 40)
    judge("goroutines", 4, 1, 5)
    judge("descriptors", 5, 1, 4)
    exit failed
  }' "$samples"
