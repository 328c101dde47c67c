#!/usr/bin/env bash
# Regenerates everything that is generated and fails if it differs from what is committed.
set -euo pipefail
before=$(git status --porcelain)
go generate ./...
after=$(git status --porcelain)
if [ "$before" != "$after" ]; then
  printf 'generated files are not up to date (run: make generate, then commit):\n%s\n' "$after" >&2
  git --no-pager diff --stat >&2
  exit 1
fi
echo "generated files are up to date"
