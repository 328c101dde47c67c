#!/usr/bin/env bash
# merkle.sh: installs the @openzeppelin/merkle-tree that anchor/testdata/openzeppelin/package-lock.json pins; does nothing twice.
set -euo pipefail
cd "$(dirname "$0")/../anchor/testdata/openzeppelin"
cmp -s package-lock.json node_modules/.dodona-lock && exit 0
command -v npm >/dev/null || { echo "merkle: needs Node 20 and npm, to compare with OpenZeppelin's trees" >&2; exit 1; }
npm ci --ignore-scripts --no-audit --no-fund >&2
cp package-lock.json node_modules/.dodona-lock
