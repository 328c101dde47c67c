#!/usr/bin/env bash
# Fails and names the files that gofumpt would change.
set -euo pipefail
files=$(git ls-files '*.go')
[ -n "$files" ] || exit 0
unformatted=$(go tool gofumpt -l $files)
if [ -n "$unformatted" ]; then
  printf 'not formatted (run: go tool gofumpt -w FILE):\n%s\n' "$unformatted" >&2
  exit 1
fi
