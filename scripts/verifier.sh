#!/usr/bin/env bash
# verifier.sh: builds the browser's verifier, web/verifier.wasm.gz, with the TinyGo that TINYGO names, and records what
# it was built from in verify/wasm/built.json. Prints its size, and that of the same program built by Go.
set -euo pipefail
cd "$(dirname "$0")/.."
tinygo=${TINYGO:-tinygo}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$tinygo" build -target=wasm-unknown -opt=z -no-debug -stack-size=64KB -interp-timeout=30m -o "$scratch/verifier.wasm" ./verify/wasm
gzip -9n <"$scratch/verifier.wasm" >web/verifier.wasm.gz
GOOS= GOARCH= go run verify/wasm/record.go "$("$tinygo" version)"
GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w' -o "$scratch/go.wasm" ./verify/wasm
for built in verifier go; do
  printf '%-9s %7d bytes, %7d packed\n' "$built" "$(wc -c <"$scratch/$built.wasm")" "$(gzip -9n <"$scratch/$built.wasm" | wc -c)"
done
