#!/usr/bin/env bash
# stress.sh TASKS TIMES PACKAGE...: runs the tests of the packages, with their servers, TIMES in a row beside TASKS tasks that are always
# runnable. A test that a slow clock can fail fails here. The tasks end with the script, and by themselves after a day.
set -euo pipefail
tasks=${1:?how many tasks} times=${2:?how many times}
shift 2
[ $# -gt 0 ] || { echo "stress: name packages, such as ./..." >&2; exit 2; }
scripts/contracts.sh deps
scripts/examples.sh
go test -count=1 -tags integration -run '^$' "$@" >/dev/null # what is compiled before need not be beside them
busy=()
trap '[ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null || true' EXIT
for ((i = 0; i < tasks; i++)); do
  timeout 1d sh -c 'while :; do :; done' &
  busy+=($!)
done
for ((n = 1; n <= times; n++)); do
  SECONDS=0
  go test -count=1 -tags integration -timeout 4h "$@" | { grep -v '\[no test files\]' || true; }
  echo "stress: run $n of $times beside $tasks tasks on $(nproc) cores passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
done
