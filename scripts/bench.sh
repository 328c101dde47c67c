#!/usr/bin/env bash
# bench.sh [node | module | field | size]: runs the benchmarks behind docs/benchmarks.md and writes that page, or one of its parts.
# Bounded: about three minutes for the node and two for modules, which are what it does when none is named; eight for the field, after
# Telegraf was built once, and as long as four builds take for the sizes. The machine matters: each part names it, and numbers of different
# machines are not compared.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_OF_LOAD:-60}
rounds=$((3000 * seconds))
page=docs/benchmarks.md
out=$(mktemp)
node=$(mktemp)
module=$(mktemp)
field=$(mktemp)
size=$(mktemp)
trap 'rm -f "$out" "$node" "$module" "$field" "$size"' EXIT

run() { # run PACKAGE BENCHMARK BENCHTIME [FLAG…]
  echo "\$ go test $1 ${*:4} -run '^\$' -bench '$2' -benchtime $3" >&2
  go test "$1" "${@:4}" -run '^$' -bench "$2" -benchtime "$3" -timeout 20m | tee -a "$out" >&2
}

# value BENCHMARK UNIT: what was measured; BENCHMARK without the number of processors at its end.
value() { awk -v bench="$1" -v unit="$2" '$1 == bench || $1 ~ "^" bench "(-[0-9]+$|/)" {for (i = 2; i <= NF; i++) if ($i == unit) {print $(i-1); exit}}' "$out"; }
row() { printf '| %s | %s | %s | `%s` |\n' "$1" "$2" "$3" "${4//|/\\|}"; } # a bar would end the column
head() { # head TITLE
  echo "## $1"
  echo
  echo "Machine: $(nproc) cores, $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), $(go env GOVERSION), $(uname -s) $(uname -r | cut -d- -f1)."
  echo
  echo '| what | target | measured | command |'
  echo '|---|---|---|---|'
}
kept() { awk -v title="## $1" '/^## / {on = $0 == title} on' $page | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }

node() {
  run ./node Attestations "${rounds}x"
  run ./cmd/dodona FirstAnswer 20x
  run ./cmd/dodona Idle 1x
  run ./journal 'Append' 1s
  run ./journal Retention 600x
  run ./journal Open 3x
  run ./anchor Seal 3x
  run ./node SealThroughTheJournal 1x
  run ./node Explain 200x
  run ./node Rounds 10x
  run ./journal/disk Check 3x
  head 'The node'
  local bench="go test ./node -run '^\$' -bench Attestations -benchtime ${rounds}x"
  row "attestations a second, $rounds in a row, from 3,000 feeds through round, claim, observation, validation and answer; durability batch" "≥ 3,000 for 60 s on 2 cores" "$(value BenchmarkAttestations attestations/s)" "$bench"
  row 'flushes an attestation (five records each, two streams)' 'reported' "$(value BenchmarkAttestations flushes/attestation)" "$bench"
  row 'resident memory meanwhile with node.memory 1GiB, peak, MiB' 'bounded' "$(value BenchmarkAttestations MiB-peak-RSS)" "$bench"
  row 'first signed answer after exec, two-line file, empty folder, local server, mean of 20, ms' '≤ 300' "$(value BenchmarkFirstAnswer ms/first-answer)" "go test ./cmd/dodona -run '^\$' -bench FirstAnswer -benchtime 20x"
  row 'the slowest of the 20, ms' '' "$(value BenchmarkFirstAnswer ms/slowest)" "the same"
  row 'resident memory of an idle node after 30 s, two-line file, MiB' '≤ 40' "$(value BenchmarkIdle MiB-RSS)" "go test ./cmd/dodona -run '^\$' -bench Idle -benchtime 1x"
  row 'the slowest of 600 appends of 50 records while retention runs with 10,000 keys in 16 MiB, the store in the process, ms' '≤ 250 on a quiet machine' "$(value BenchmarkRetention/embedded ms/slowest)" "go test ./journal -run '^\$' -bench Retention -benchtime 600x"
  row 'the same with the server 6 ms away' '≤ 250 on a quiet machine' "$(value BenchmarkRetention/6ms ms/slowest)" "the same"
  row 'opening a folder with 1 GiB of records, its check before the start included, ns' '≤ 2e9' "$(value BenchmarkOpen/1GiB ns/op)" "go test ./journal -run '^\$' -bench Open -benchtime 3x"
  row 'the same without the index of the store, as the worst kill leaves it: every block is read whole, ns' '≤ 2e9' "$(value BenchmarkOpen/1GiB/noindex ns/op)" "the same"
  row 'sealing a window of a million leaves, leaves a second of one core' '≥ 500,000, or the next row if that is lower' "$(value BenchmarkSeal/leaves=1000000 leaves/core-s)" "go test ./anchor -run '^\$' -bench Seal -benchtime 3x"
  row 'hashing alone: the Keccak of as many leaves and nodes' '' "$(value BenchmarkSeal/keccak leaves/core-s)" "the same"
  row 'sealing a window of 20,000 answers out of a journal that was just opened, ns for each' '' "$(value BenchmarkSealThroughTheJournal/20000 ns/leaf)" "go test ./node -run '^\$' -bench SealThroughTheJournal -benchtime 1x"
  row 'the same of 200,000: time and memory for each do not grow' 'as the row before' "$(value BenchmarkSealThroughTheJournal/200000 ns/leaf)" "the same"
  row 'the story of a round, from its answer to the raw bytes, on a journal of a million records that was just opened, mean of 200, ns' '≤ 1e9' "$(value BenchmarkExplain ns/op)" "go test ./node -run '^\$' -bench Explain -benchtime 200x"
  row 'the slowest of the 200, ms' '≤ 1000' "$(value BenchmarkExplain ms/slowest)" "the same"
  row 'the newest round of a feed of 53, on a journal of 250,000 records that was just opened, ns' '' "$(value BenchmarkRounds/newest-1 ns/op)" "go test ./node -run '^\$' -bench Rounds -benchtime 10x"
  row 'a hundred rounds from its middle on, ns' '' "$(value BenchmarkRounds/middle-100 ns/op)" "the same"
  row 'check of the data folder before a start, 256 MiB of blocks in memory, heads only, ns' '≤ 250e6' "$(value BenchmarkCheck/heads ns/op)" "go test ./journal/disk -run '^\$' -bench Check -benchtime 3x"
  row 'the same with all sums, as after a kill, ns' '' "$(value BenchmarkCheck/sums ns/op)" "the same"
  echo
  echo 'The journal alone:'
  echo
  echo '```'
  grep '^BenchmarkAppend' "$out" || true
  echo '```'
}

module() {
  local command guest target
  run ./module 'Isolated|Sampling' 3s
  run ./module Load 100x
  run ./module/wasm 'Overhead/compiler/(C|Ass)' 1x
  run ./module/wasm Compile 1x
  echo "\$ go test ./module -tags integration -run 'Thousand|Sixteen' -v" >&2
  go test ./module -tags integration -run 'Thousand|Sixteen' -v -count=1 | tee -a "$out" >&2
  head 'Modules'
  command="go test ./module -run '^\$' -bench 'Isolated|Sampling' -benchtime 3s"
  for guest in C AssemblyScript TinyGo; do
    case $guest in
      C) target='≤ 5' ;;
      *) target='' ;;
    esac
    row "an event of the $guest guest, with fuel, depth, NaN and reset, µs" "$target" "$(value "BenchmarkIsolated/$guest" µs/isolated)" "$command"
    case $guest in
      C) target='' ;;
      AssemblyScript) target='≤ 3' ;;
      TinyGo) target='≤ 1.5; [013](decisions/013-memory-is-set-back-whole.md)' ;;
    esac
    row 'the same, times an unprotected wazero call, in turns' "$target" "$(value "BenchmarkIsolated/$guest" ×unprotected)" "$command"
    row 'the same, allocations of the host' '0' "$(value "BenchmarkIsolated/$guest" allocs/event)" "$command"
    row 'the same with 1 % of events traced, times none traced, in turns' '≤ 1.05' "$(value "BenchmarkSampling/$guest" ×plain)" "$command"
  done
  command="go test ./module/wasm -run '^\$' -bench 'Overhead/compiler/(C|Ass)' -benchtime 1x"
  for guest in C AssemblyScript; do
    row "fuel, depth and NaN alone, the $guest guest that parses JSON, times untouched, in turns" '≤ 1.35' "$(value "BenchmarkOverhead/compiler/$guest" fuel+depth+NaN)" "$command"
  done
  command="go test ./module/wasm -run '^\$' -bench Compile -benchtime 1x"
  row "compiling the worst module that is accepted, of $(grep -c '^BenchmarkCompile/' "$out"), CPU s" '' "$(awk '/^BenchmarkCompile/ {for (i = 3; i < NF; i++) if ($(i + 1) == "s-CPU/module" && $i > worst) worst = $i} END {print worst}' "$out")" "$command"
  command="go test ./module -run '^\$' -bench Load -benchtime 100x"
  row "load of a module of $(value BenchmarkLoad KB) KB from the warm cache, the best, ms" '≤ 5' "$(value BenchmarkLoad ms/best)" "$command"
  row 'the same, CPU time of the process, mean, ms' '' "$(value BenchmarkLoad ms-CPU/load)" "$command"
  command="go test ./module -tags integration -run 'Thousand|Sixteen' -v"
  for guest in compiled interpreted; do
    row "1,000 loads and unloads, $guest: what the process holds" 'no growth' "$(awk -v want="TestThousandLoadsLeaveNothing/$guest" '$1 == "===" {on = $3 == want} on && /after 100 loads/ {sub(/.*: after 100/, "after 100"); print; exit}' "$out")" "$command"
  done
  row '16 instances of 1 MiB, all written to, in a cgroup of 64 MiB: peak of the group' '≤ 65536 KiB' "$(sed -n 's/.*most memory that the group had.*: \([0-9]* KiB\)$/\1/p' "$out" | tail -1)" "$command"
}

# of CONTESTANT UNIT: what BenchmarkField$load measured of a contestant.
of() { value "BenchmarkField$load" "$2-$1"; }

field() {
  local load command who
  scripts/peers.sh >&2 # standard output is the page
  scripts/telegraf.sh >&2
  run ./cmd/dodona FieldModbus 1x -tags integration
  run ./cmd/dodona FieldMQTT 1x -tags integration
  echo '$ DODONA_FIELD_MEMORY=1 go test ./cmd/dodona/fieldtest -tags integration -run EveryKind -v' >&2
  DODONA_FIELD_MEMORY=1 go test ./cmd/dodona/fieldtest -tags integration -run EveryKind -v -count=1 -timeout 10m | tee -a "$out" >&2
  head 'The field'
  load=Modbus command="go test ./cmd/dodona -tags integration -run '^\$' -bench FieldModbus -benchtime 1x"
  row '1,000 registers of 20 units each second, journaled, one feed of 50 signed: of a core, %' '≤ 5' "$(of 1-feed %core)" "$command"
  row 'the same, all of them signed as 20 feeds of 50, %' '' "$(of 20-feeds %core)" 'the same'
  row 'the same registers by Telegraf, %' '' "$(of telegraf %core)" 'the same'
  for who in 1-feed 20-feeds telegraf; do
    row "CPU for 1,000 points of these, $who, ms" "$([ $who = telegraf ] || echo 'below Telegraf')" "$(of $who ms-CPU/1000-points)" 'the same'
    row "resident memory at its peak, $who, MiB" "$([ $who = telegraf ] || echo 'below Telegraf')" "$(of $who MiB-peak)" 'the same'
  done
  load=MQTT command="go test ./cmd/dodona -tags integration -run '^\$' -bench FieldMQTT -benchtime 1x"
  row 'messages a second of mosquitto, QoS 1, 100 topics, while they are measured' '≥ 2,000' "$(of dodona points/s)" "$command"
  row 'published in all, and counted again in the journal' '' "$(value BenchmarkFieldMQTT messages-sent)" 'the same'
  row 'of which the journal lacks' '0' "$(value BenchmarkFieldMQTT messages-lost)" 'the same'
  for who in dodona telegraf; do
    row "CPU for 1,000 messages, $who, ms" "$([ $who = telegraf ] || echo 'below Telegraf')" "$(of $who ms-CPU/1000-points)" 'the same'
    row "of a core, $who, %" '' "$(of $who %core)" 'the same'
    row "resident memory at its peak, $who, MiB" "$([ $who = telegraf ] || echo 'below Telegraf')" "$(of $who MiB-peak)" 'the same'
  done
  command='DODONA_FIELD_MEMORY=1 go test ./cmd/dodona/fieldtest -tags integration -run EveryKind -v'
  row 'resident memory with every kind connected to its peer, each for a feed of every second, `node.memory: 64MiB`, a minute after all are well' '≤ 64 MiB' "$(sed -n 's/.*memory_test.go:[0-9]*: \(.* kinds, .*\)$/\1/p' "$out" | tail -1)" "$command"
  echo
  echo 'Dodona runs with `node.memory: 64MiB`. It acknowledges a message to the broker when it is in the journal and on the disk, and signs each second: one feed'
  echo 'or 20 of Modbus, 20 feeds of five topics of MQTT. Telegraf v1.37.2 has the same inputs alone (`scripts/telegraf.sh`), reads with as few requests, and writes'
  echo 'lines of its own format to a file each second, which it neither syncs nor signs; a message is acknowledged before. Why it takes less is in [099](decisions/099-memory-is-a-setting.md). Each runs three times for 25 s, by turns;'
  echo 'the last 20 s count, and the middle one is told.'
}

size() {
  make -s release slim | tee -a "$out" >&2
  echo '## Sizes'
  echo
  echo "Stripped, $(go env GOVERSION)."
  echo
  echo '| what | target | MiB | command |'
  echo '|---|---|---|---|'
  row 'amd64' '' "$(awk '$1 == "bin/dodona-linux-amd64" {print $2}' "$out")" 'make release'
  row 'arm64' '' "$(awk '$1 == "bin/dodona-linux-arm64" {print $2}' "$out")" 'the same'
  row 'ARMv7' '≤ 25' "$(awk '$1 == "bin/dodona-linux-arm" {print $2}' "$out")" 'the same'
  row 'ARMv7 without the embedded journal and the kind `sql`' '≤ 25' "$(awk '$1 == "bin/dodona-linux-arm-slim" {print $2}' "$out")" 'make slim'
}

kept 'The node' >"$node"
kept Modules >"$module"
kept 'The field' >"$field"
kept Sizes >"$size"
case ${1:-} in
  '') node >"$node"; module >"$module" ;;
  node) node >"$node" ;;
  module) module >"$module" ;;
  field) field >"$field" ;;
  size) size >"$size" ;;
  *) echo "usage: bench.sh [node | module | field | size]" >&2; exit 2 ;;
esac
{
  echo '# Benchmarks'
  echo
  echo 'Written by `make bench`, which runs the commands below; `make bench WHAT=node`, `module`, `field` and `size` write a part, the last two nothing else. `make against BASE=…` says what is slower than at another commit.'
  for part in "$node" "$module" "$field" "$size"; do
    echo
    cat "$part"
  done
} >"$out"
cp "$out" $page
echo "wrote $page" >&2
