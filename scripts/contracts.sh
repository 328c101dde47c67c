#!/usr/bin/env bash
# contracts.sh FOLDER | deps: compiles contracts/src into FOLDER with the compiler that contracts/package-lock.json pins;
# deps only installs that compiler and anvil.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { echo "usage: contracts.sh FOLDER|deps" >&2; exit 2; }
if ! cmp -s contracts/package-lock.json contracts/node_modules/.dodona-lock; then
  command -v npm >/dev/null || { echo "contracts: needs Node 20 and npm, to compile with the pinned solc" >&2; exit 1; }
  npm ci --prefix contracts --ignore-scripts --no-audit --no-fund >&2
  cp contracts/package-lock.json contracts/node_modules/.dodona-lock
fi
[ "$1" = deps ] || node contracts/build.mjs "$1"
