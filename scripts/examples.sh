#!/usr/bin/env bash
# examples.sh: installs what the examples for JavaScript and Python import, each at the version that they pin: npm packages beside
# them, Python packages in .cache/examples.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v npm >/dev/null || { echo "examples: needs Node 20 and npm" >&2; exit 1; }
for dir in examples/*/; do
  [ -e "$dir/package-lock.json" ] || continue
  cmp -s "$dir/package-lock.json" "$dir/node_modules/.dodona-lock" && continue
  npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund >&2
  cp "$dir/package-lock.json" "$dir/node_modules/.dodona-lock"
done
venv=.cache/examples
if ! cat examples/*/requirements.txt | cmp -s - "$venv/requirements.txt"; then
  python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "examples: needs Python 3.11 with venv (Debian: python3-venv)" >&2; exit 1; }
  rm -rf "$venv"
  python3 -m venv "$venv"
  for file in examples/*/requirements.txt; do
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$file" >&2
  done
  cat examples/*/requirements.txt >"$venv/requirements.txt"
fi
