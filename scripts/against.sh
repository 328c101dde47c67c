#!/usr/bin/env bash
# against.sh BASE [TIMES]: is anything slower than at commit BASE, or any binary larger? Runs the benchmarks of both by
# turns, so that a busy machine is as busy for one as for the other, and prints each ratio with what chance may do
# (benchstat: a "~" is no difference). Bounded: about five minutes for each of TIMES (default 6) and two to build.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:?against.sh: say which commit to compare with, such as v1.0.0 or HEAD~20}
times=${2:-6}
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add -q --detach "$work/base" "$base"
mkdir "$work/today"

# what: a package, its benchmarks, and how many turns each takes.
what=(
  'node Attestations$ 6000x'
  'node Explain 50x'
  'cmd/dodona FirstAnswer 5x'
  'journal Append 300x'
  'anchor Seal/leaves=100000 1x'
  'feed . 2000x'
  'module Isolated|Load 1x'
  'module/wasm Rewrite 1x'
  'extract . 2000x'
  '. ReportDigest 20000x'
  'verify Answer 50x'
)

build() { # build TREE OUT
  local line package
  for line in "${what[@]}"; do
    read -r package _ <<<"$line"
    [ "$package" = . ] || [ -d "$1/$package" ] || continue # the base may not have had it
    (cd "$1" && go test -c -o "$2/${package//\//-}.test" "./$package")
  done
  (cd "$1" && for arch in amd64 arm64 arm; do
    GOOS=linux GOARCH=$arch GOARM=7 go build -trimpath -ldflags '-s -w' -o "$2/dodona-$arch" ./cmd/dodona
  done)
}
mkdir "$work/a" "$work/b"
build "$work/base" "$work/a"
build "$PWD" "$work/b"

run() { # run TREE BINARIES OUT PACKAGE BENCHMARKS TURNS
  local binary=$2/${4//\//-}.test
  [ -e "$binary" ] || return 0
  (cd "$1/$4" && "$binary" -test.run '^$' -test.bench "$5" -test.benchtime "$6" -test.timeout 10m) >>"$3"
}
for i in $(seq "$times"); do
  echo "turn $i of $times" >&2
  for line in "${what[@]}"; do
    read -r package bench count <<<"$line"
    run "$work/base" "$work/a" "$work/base.txt" "$package" "$bench" "$count"
    run "$PWD" "$work/b" "$work/today.txt" "$package" "$bench" "$count"
  done
done
(cd "$work" && go run "$benchstat" base.txt today.txt)
echo
echo 'binary: bytes then, now, ratio'
for arch in amd64 arm64 arm; do
  then=$(stat -c %s "$work/a/dodona-$arch")
  now=$(stat -c %s "$work/b/dodona-$arch")
  awk -v arch="$arch" -v a="$then" -v b="$now" 'BEGIN {printf "%-8s %d %d %.3f\n", arch, a, b, b / a}'
done
