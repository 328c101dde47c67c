#!/usr/bin/env bash
# Runs the benchmarks behind docs/benchmarks.md and writes that page. Bounded: about three minutes.
# The machine matters: the page names it, and numbers of different machines are not compared.
set -euo pipefail
seconds=${SECONDS_OF_LOAD:-60}
rounds=$((3000 * seconds))
out=$(mktemp)
trap 'rm -f "$out"' EXIT

run() { # run PACKAGE BENCHMARK BENCHTIME
  echo "\$ go test $1 -run '^\$' -bench '$2' -benchtime $3" >&2
  go test "$1" -run '^$' -bench "$2" -benchtime "$3" -timeout 20m | tee -a "$out" >&2
}

run ./node Attestations "${rounds}x"
run ./cmd/dodona FirstAnswer 20x
run ./cmd/dodona Idle 1x
run ./journal 'Append' 1s

value() { awk -v bench="$1" -v unit="$2" '$1 ~ "^"bench {for (i = 2; i <= NF; i++) if ($i == unit) {print $(i-1); exit}}' "$out"; }
row() { printf '| %s | %s | %s | `%s` |\n' "$1" "$2" "$3" "$4"; }

{
  echo '# Benchmarks'
  echo
  echo "Written by \`make bench\`, which runs the commands below. Machine: $(nproc) cores, $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), $(go env GOVERSION), $(uname -s) $(uname -r | cut -d- -f1)."
  echo
  echo '| what | target | measured | command |'
  echo '|---|---|---|---|'
  bench="go test ./node -run '^\$' -bench Attestations -benchtime ${rounds}x"
  row "attestations a second, $rounds in a row, from 3,000 feeds through round, claim, observation, validation and answer; durability batch" "≥ 3,000 for 60 s on 2 cores" "$(value BenchmarkAttestations attestations/s)" "$bench"
  row 'flushes an attestation (five records each, two streams)' 'reported' "$(value BenchmarkAttestations flushes/attestation)" "$bench"
  row 'resident memory meanwhile with node.memory 1GiB, peak, MiB' 'bounded' "$(value BenchmarkAttestations MiB-peak-RSS)" "$bench"
  row 'first signed answer after exec, two-line file, empty folder, local server, mean of 20, ms' '≤ 300' "$(value BenchmarkFirstAnswer ms/first-answer)" "go test ./cmd/dodona -run '^\$' -bench FirstAnswer -benchtime 20x"
  row 'the slowest of the 20, ms' '' "$(value BenchmarkFirstAnswer ms/slowest)" "the same"
  row 'resident memory of an idle node after 30 s, two-line file, MiB' '≤ 40' "$(value BenchmarkIdle MiB-RSS)" "go test ./cmd/dodona -run '^\$' -bench Idle -benchtime 1x"
  echo
  echo 'The journal alone:'
  echo
  echo '```'
  grep '^BenchmarkAppend' "$out" || true
  echo '```'
} > docs/benchmarks.md
echo "wrote docs/benchmarks.md" >&2
