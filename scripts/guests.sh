#!/usr/bin/env bash
# guests.sh DIR [LANG…]: builds the example guest of every SDK, and the JSON guests of the benchmarks, into DIR.
# LANG is c, rust, assemblyscript, go or tinygo; without one it is the first three, which are small and fast to build.
# CLANG, RUSTC and TINYGO choose the compilers. What is built into module/testdata/guests is recorded in guests.json.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: guests.sh DIR [c|rust|assemblyscript|go|tinygo]…" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
kept=$PWD/module/testdata/guests
export LC_ALL=C
src=module/testdata/guests/src
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

CLANG=${CLANG:-clang}
# Debian's rustc has the target that deps.sh installs; another one, first in PATH, may not.
[ -n "${RUSTC:-}" ] || { [ -x /usr/bin/rustc ] && RUSTC=/usr/bin/rustc || RUSTC=rustc; }

# record FILE COMPILER SOURCE…
record() {
  [ "$out" != "$kept" ] || GOOS= GOARCH= go run module/testdata/guests/record.go "$@"
}

# SDKs are built in a copy, as a user would, so that nothing is left beside the sources.
copy() { cp -r "sdk/$1" "$scratch/$1"; }

c() {
  copy c
  make -s -B -C "$scratch/c" CLANG="$CLANG"
  install -m 644 "$scratch/c/plausible.wasm" "$out/plausible-c.wasm"
  record plausible-c.wasm "$($CLANG --version | head -1)" sdk/c/Makefile sdk/c/dodona.h sdk/c/example/plausible.c
}

rust() {
  copy rust
  make -s -B -C "$scratch/rust" RUSTC="$RUSTC"
  install -m 644 "$scratch/rust/plausible.wasm" "$out/plausible-rust.wasm"
  record plausible-rust.wasm "$($RUSTC --version)" sdk/rust/Makefile sdk/rust/src/*.rs sdk/rust/example/plausible.rs
}

assemblyscript() {
  local sdk=sdk/assemblyscript work=$scratch/assemblyscript asc version
  [ -e $sdk/node_modules/.package-lock.json ] || npm ci --prefix $sdk --ignore-scripts --no-audit --no-fund >&2
  mkdir "$work"
  cp -r $sdk/{assembly,example,asconfig.json,package.json} "$work"
  cp $src/json-assemblyscript/json.ts "$work/example"
  asc=$PWD/$sdk/node_modules/assemblyscript/bin/asc.js
  for guest in plausible json; do
    (cd "$work" && node "$asc" "example/$guest.ts" --target release --outFile "$out/$guest-assemblyscript.wasm")
  done
  version="asc $(node "$asc" --version | sed 's/Version //')"
  record plausible-assemblyscript.wasm "$version" $sdk/{package-lock,asconfig}.json $sdk/assembly/*.ts $sdk/example/plausible.ts
  record json-assemblyscript.wasm "$version" $sdk/{package-lock,asconfig}.json $sdk/assembly/*.ts $src/json-assemblyscript/json.ts
}

# Std Go's guests are megabytes and not kept.
go_() {
  local flags=(-buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w')
  GOOS=wasip1 GOARCH=wasm go build "${flags[@]}" -o "$out/plausible-go.wasm" ./sdk/go/example
  GOOS=wasip1 GOARCH=wasm go build "${flags[@]}" -o "$out/json-go.wasm" ./$src/json-go
}

tinygo() {
  local go=${TINYGO:-tinygo} version flags=(-target=sdk/go/tinygo.json -opt=s -panic=trap -no-debug)
  "$go" build "${flags[@]}" -o "$out/plausible-tinygo.wasm" ./sdk/go/example
  "$go" build "${flags[@]}" -o "$out/json-tinygo.wasm" ./$src/json-go
  version=$("$go" version)
  record plausible-tinygo.wasm "$version" sdk/go/tinygo.json sdk/go/*.go sdk/go/example/main.go
  record json-tinygo.wasm "$version" sdk/go/tinygo.json sdk/go/*.go $src/json-go/main.go
}

[ $# -gt 0 ] || set -- c rust assemblyscript
for lang; do
  case $lang in
    c | rust | assemblyscript | tinygo) "$lang" ;;
    go) go_ ;;
    *) echo "guests.sh: no language $lang" >&2; exit 2 ;;
  esac
done
