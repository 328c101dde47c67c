#!/usr/bin/env bash
# deps.sh install | ensure: the programs that tests talk to, from Debian.
# install lists what is missing and installs it; ensure does so only where it may (root), and otherwise
# names what is missing and fails.
set -euo pipefail

# The race detector needs a C compiler; the product does not. clang and lld build modules written in C.
packages=(nginx-light chromium curl qemu-user-static wabt gcc libc6-dev clang lld make)
programs=(/usr/sbin/nginx /usr/bin/chromium /usr/bin/curl /usr/bin/qemu-arm-static /usr/bin/wat2wasm /usr/bin/gcc /usr/include/stdio.h /usr/bin/clang /usr/bin/wasm-ld /usr/bin/make)

missing=()
for i in "${!packages[@]}"; do
  [ -e "${programs[$i]}" ] || missing+=("${packages[$i]}")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "deps: everything is there (${packages[*]})"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "deps: missing ${missing[*]}; install them with: sudo make deps" >&2
  exit 1
fi
echo "deps: will install with apt-get, from Debian: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -o DPkg::Lock::Timeout=400 -q -y)
"${apt[@]}" update >/dev/null
# Nothing starts by itself: tests start each server on loopback, in a temporary folder.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
"${apt[@]}" install --no-install-recommends "${missing[@]}"
