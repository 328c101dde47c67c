#!/usr/bin/env bash
# tinygo.sh: builds TinyGo in .cache/tinygo, about 0.7 GB and five minutes, and prints the path of its command.
# It takes TinyGo from the Go module proxy and the rest from Debian: LLVM 19 as packages (installed if root), the
# run-time library of compilers and wasi-libc as sources. It does nothing twice.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v0.41.0
dir=$PWD/.cache/tinygo
command=$dir/tinygo
if [ -x "$command" ]; then
  echo "$command"
  exit 0
fi

packages=(llvm-19-dev libclang-19-dev liblld-19-dev lld-19 clang-19 binaryen g++ xz-utils)
missing=()
for p in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "tinygo: missing ${missing[*]}; install them with: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "tinygo: will install with apt-get, from Debian: ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=400 -q -y update >/dev/null
  apt-get -o DPkg::Lock::Timeout=400 -q -y install --no-install-recommends "${missing[@]}" >/dev/null
fi

rm -rf "$dir"
mkdir -p "$dir/sources/lists/partial"
cd "$dir"
cat >go.mod <<EOF
module tinygo-build

go 1.26
EOF
echo "tinygo: compiling $version" >&2
go get -tool github.com/tinygo-org/tinygo@$version 2>/dev/null
CGO_ENABLED=1 GOFLAGS='-p=1 -buildvcs=false' nice go build -tags llvm19 -o built github.com/tinygo-org/tinygo

echo "tinygo: fetching sources of Debian" >&2
cd sources
. /etc/os-release
# The sources come from where this machine's packages come from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $VERSION_CODENAME" 'Created-By: Packages' | head -n 1)
echo "deb-src ${mirror:?no mirror of Debian $VERSION_CODENAME is configured} $VERSION_CODENAME main" >sources.list
apt=(apt-get -q -o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$PWD/lists" -o APT::Sandbox::User=root)
"${apt[@]}" update >/dev/null
"${apt[@]}" source --download-only llvm-toolchain-19 wasi-libc >/dev/null
# Only what TinyGo compiles is unpacked.
tar xJf llvm-toolchain-19_*.orig.tar.xz --strip-components=1 --wildcards '*/compiler-rt/lib/builtins'
mkdir wasi-libc
tar xJf wasi-libc_*.orig.tar.xz -C wasi-libc --strip-components=1
cd ..

# A root of TinyGo is its sources, and the libraries that its releases bundle.
cp -r "$(go list -m -f '{{.Dir}}' github.com/tinygo-org/tinygo)" root
chmod -R u+w root
mkdir -p root/src/net root/llvm-project/compiler-rt/lib
rm -rf root/lib/wasi-libc
mv sources/compiler-rt/lib/builtins root/llvm-project/compiler-rt/lib/
mv sources/wasi-libc root/lib/
rm -rf sources
cat >"$command" <<EOF
#!/bin/sh
TINYGOROOT=$dir/root GOFLAGS="-p=1 \$GOFLAGS" XDG_CACHE_HOME=$dir/cache exec nice $dir/built "\$@"
EOF
chmod +x "$command"
echo "$command"
