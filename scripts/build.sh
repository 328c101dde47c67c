#!/usr/bin/env bash
# build.sh OUTPUT PACKAGE: builds a static program and shows how far it is.
# The share is packages compiled of packages needed; those in the cache pass at once.
set -euo pipefail
if [ $# -ne 2 ]; then
  echo "usage: scripts/build.sh OUTPUT PACKAGE, such as: scripts/build.sh bin/dodona ./cmd/dodona" >&2
  exit 2
fi
output=$1 package=$2
name=$(basename "$output")
patience='the first time takes minutes: five at most on two cores'
version=$(git describe --always --dirty 2>/dev/null || echo unknown)
mkdir -p "$(dirname "$output")"
flags=(-trimpath -ldflags "-s -w -X main.version=$version" -o "$output")
if [ ! -t 2 ] || [ "${TERM:-dumb}" = dumb ]; then
  echo "building $output ($patience)" >&2
  exec go build "${flags[@]}" "$package"
fi
log=$(mktemp)
pid=
# What was begun ends with this, and so does the line that shows it.
trap 'status=$?; [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; printf "\r\033[K" >&2; rm -f "$log"; exit $status' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# show TEXT: on one line in place of the last one, cut to what the terminal is wide now.
show() {
  local columns
  columns=$(stty size <&2 2>/dev/null | cut -d' ' -f2) || true
  [ "${columns:-0}" -gt 1 ] || columns=80
  printf '\r\033[K%s' "${1:0:columns-1}" >&2
}

show "building $name ($patience)"
total=$(go list -deps "$package" | wc -l)
# -v names each package as it is compiled; packages already in the cache are not named.
go build -v "${flags[@]}" "$package" 2>"$log" &
pid=$!
while kill -0 $pid 2>/dev/null; do
  show "building $name: $(wc -l <"$log") of at most $total packages ($patience)"
  sleep 0.3
done
if ! wait $pid; then
  pid=
  printf '\r\033[K' >&2
  cat "$log" >&2
  exit 1
fi
pid=
printf '\r\033[Kbuilding %s: done\n' "$name" >&2
