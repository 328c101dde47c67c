#!/usr/bin/env bash
# soak.sh TIME: runs the demo for TIME (such as 10m) and compares memory, goroutines and descriptors of the node
# early on with those at the end. Fails if they grow, or if the demo's own promise breaks.
set -euo pipefail
duration=${1:-10m}
seconds=$(awk -v d="$duration" 'BEGIN {n = d + 0; u = d; sub(/^[0-9]+/, "", u); print u == "h" ? n*3600 : u == "m" ? n*60 : n}')
[ "$seconds" -ge 60 ] || { echo "soak: want at least 60s, got $duration" >&2; exit 2; }
port=$((20000 + RANDOM % 20000))
out=$(mktemp)
trap 'rm -f "$out"' EXIT
bin/demo --for "${seconds}s" --json --listen "127.0.0.1:$port" >"$out" &
pid=$!
metric() { curl -sf "http://127.0.0.1:$port/metrics" | awk -v name="$1" '$1 == name {print $2}'; }
sample() { echo "$(metric process_resident_memory_bytes) $(metric go_goroutines) $(metric process_open_fds)"; }
sleep $((seconds / 4))
read -r rss1 goroutines1 fds1 <<<"$(sample)"
echo "after $((seconds / 4)) s: resident $((rss1 / 1048576)) MiB, $goroutines1 goroutines, $fds1 descriptors"
sleep $((seconds * 3 / 4 - 5))
read -r rss2 goroutines2 fds2 <<<"$(sample)"
echo "at the end:   resident $((rss2 / 1048576)) MiB, $goroutines2 goroutines, $fds2 descriptors"
wait $pid
cat "$out"
fail=0
# The collector leaves slack, and the journal keeps a block or two in memory; growth is what goes on growing.
[ "$rss2" -le $((rss1 + 16 * 1048576)) ] || { echo "soak: memory grew" >&2; fail=1; }
[ "$goroutines2" -le $((goroutines1 + 10)) ] || { echo "soak: goroutines grew" >&2; fail=1; }
[ "$fds2" -le $((fds1 + 10)) ] || { echo "soak: descriptors grew" >&2; fail=1; }
exit $fail
