#!/usr/bin/env bash
# spared.sh [FLAG]...: go test, with these flags, of the tests that ask internal/racetest: those that the race detector is kept
# from, and those that do less under it. It reads which those are, so that none runs nowhere.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(grep -rl --include='*_test.go' 'racetest\.' .)
names=$(awk '
  /^func / { name = /^func Test[A-Za-z0-9_]*\(/ ? substr($2, 1, index($2, "(") - 1) : "" }
  /racetest\./ && !/^\/\// {
    if (name == "") { print FILENAME ":" FNR ": ask racetest in a test itself, so that its name is known" >"/dev/stderr"; exit 1 }
    print name
  }' "${files[@]}" | sort -u | paste -sd'|')
mapfile -t packages < <(dirname "${files[@]}" | sort -u)
exec go test "$@" -run "^($names)\$" "${packages[@]}"
