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
part "damaged data folders: ${FOLDERS:=2000}" ./journal TestDamagedFoldersStart DODONA_GROUND_RUNS="$FOLDERS" DODONA_GROUND_SECONDS=10
part "bad nights: ${NIGHTS:=20}" ./cmd/dodona TestBadNightsPassByThemselves DODONA_DRILL="$NIGHTS"
