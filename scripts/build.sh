#!/usr/bin/env bash
# build.sh OUTPUT PACKAGE: builds a static program and shows how far it is.
# The share is packages compiled of packages needed; those in the cache pass at once.
set -euo pipefail
output=$1 package=$2
version=$(git describe --always --dirty 2>/dev/null || echo unknown)
mkdir -p "$(dirname "$output")"
flags=(-trimpath -ldflags "-s -w -X main.version=$version" -o "$output")
if [ ! -t 2 ]; then
  echo "building $output (the first time takes minutes: five at most on two cores)" >&2
  exec go build "${flags[@]}" "$package"
fi
printf 'building %s (the first time takes minutes: five at most on two cores) ' "$(basename "$output")" >&2
total=$(go list -deps "$package" | wc -l)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# -v names each package as it is compiled; packages already in the cache are not named.
go build -v "${flags[@]}" "$package" 2>"$log" &
pid=$!
while kill -0 $pid 2>/dev/null; do
  printf '\rbuilding %s (the first time takes minutes: five at most on two cores) %d of at most %d packages ' "$(basename "$output")" "$(wc -l <"$log")" "$total" >&2
  sleep 0.3
done
if ! wait $pid; then
  printf '\n' >&2
  cat "$log" >&2
  exit 1
fi
printf '\rbuilding %s: done%*s\n' "$(basename "$output")" 60 '' >&2
