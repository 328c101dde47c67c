#!/usr/bin/env bash
# fuzz.sh TIME: every fuzz target of the module by Go's engine, for TIME each: 20s, or 1000000x for so many executions.
# fuzz.sh quick: every target that internal/fuzztest runs, 100,000 executions each of inputs that a generator makes of its seeds. What decodes bytes
# of devices does all of them; what else takes longer than some processor time does fewer, and that is told. The inputs are the same each time, so that
# nobody's change fails for what was there before it; DODONA_FUZZ_SEED=N tries others.
set -euo pipefail
time=${1:-20s}
of_devices='^\./(source|extract|internal/(registers|sparkplug|mqttc))(/|$)'
targets() { grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u; }

if [ "$time" = quick ]; then
  out=$(mktemp)
  trap 'rm -f "$out"' EXIT
  run() { # CPU PACKAGES
    local cpu=$1
    shift
    DODONA_FUZZ=${DODONA_FUZZ:-100000} DODONA_FUZZ_SEED=${DODONA_FUZZ_SEED:-12} DODONA_FUZZ_CPU=$cpu go test -p 2 -count=1 -v -run '^Fuzz' -timeout 20m "$@" >>"$out" 2>&1 ||
      { grep -vE '^(=== |ok |PASS|    --- PASS|--- PASS)' "$out"; echo "fuzz: a target failed: its input stands above; keep it in testdata/fuzz" >&2; exit 1; }
  }
  run 0s $(targets | grep -E "$of_devices")
  run 300ms $(targets | grep -vE "$of_devices" | while read -r dir; do ! grep -q 'fuzztest\.Run' "$dir"/*_test.go || echo "$dir"; done)
  awk '/ executions of .* ms of a processor/ {
      for (i = 1; i <= NF; i++) if ($i == "executions") { n = $(i-1); want = $(i+2); ms = $(i+4) }
      targets++; done += n; cpu += ms; if (n < want) { short++; less = less sprintf(" %s %d", $2, n) }
    } END { printf "fuzz: %d targets, %d executions in %.0f s of a processor", targets, done, cpu/1000
            if (short) printf "; %d did fewer than %d in their time:%s", short, want, less; print "" }' "$out"
  exit
fi

targets | while read -r dir; do
  grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | awk '{print $2}' | sort -u | while read -r target; do
    echo "== $dir $target"
    go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
  done
done
