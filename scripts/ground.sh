#!/usr/bin/env bash
# ground.sh: what must hold under a node whatever happens, gone through at length: two signers with one key for 10,000 rounds with
# kills and calls that are left, damaged data folders by the thousand, and the nights in which a sink was removed, the validator was
# away and a receiver was down. Bounded: about an hour on two cores. Each part prints what it counted; the first that fails ends it.
set -euo pipefail
cd "$(dirname "$0")/.."

part() { # part TITLE PACKAGE TEST [VARIABLE=VALUE ...]
  local title=$1 package=$2 test=$3
  shift 3
  echo "== $title"
  env "$@" go test -tags integration -count=1 -v -timeout 90m "$package" -run "^$test\$" | grep -vE '^(=== |PASS$)'
}

part "one key in two processes: ${DUEL_ROUNDS:=10000} rounds" ./journal TestOneKeyInTwoProcessesSignsEachRoundOnce DODONA_DUEL_ROUNDS="$DUEL_ROUNDS"
group=/sys/fs/cgroup/memory/dodona-ground-$$ # each start may take 64 MiB, pages of files and swap included
if mkdir "$group" 2>/dev/null; then
  trap 'rmdir "$group"' EXIT
  echo 64M >"$group/memory.limit_in_bytes"
  echo 64M >"$group/memory.memsw.limit_in_bytes" 2>/dev/null || true # a kernel without accounts of swap
else
  echo "NOT TESTED HERE: that a start fits into a memory group of 64 MiB; this needs root and cgroups of version 1 in /sys/fs/cgroup/memory"
  group=
fi
part "damaged data folders: ${FOLDERS:=2000}" ./journal TestDamagedFoldersStart DODONA_GROUND_RUNS="$FOLDERS" DODONA_GROUND_SECONDS=10 DODONA_GROUND_GROUP="$group"
[ -z "$group" ] || echo "the group had at most $(($(cat "$group/memory.max_usage_in_bytes") >> 20)) MiB, of 64; $(sed -n 's/^oom_kill //p' "$group/memory.oom_control") were killed in it"
part "bad nights: ${NIGHTS:=20}" ./cmd/dodona TestBadNightsPassByThemselves DODONA_DRILL="$NIGHTS"
