#!/usr/bin/env bash
# deps.sh install | ensure [rust]: the programs that tests talk to, from Debian; with rust also what builds guests in Rust.
# install lists what is missing and installs it; ensure does so only where it may (root), and otherwise
# names what is missing and fails. What is too large for every machine that runs the tests is named where it is missing.
set -euo pipefail

# The race detector needs a C compiler; the product does not. clang and lld build modules written in C.
packages=(nginx-light tinyproxy-bin chromium curl logrotate qemu-user-static wabt gcc libc6-dev clang lld make systemd prometheus tmux jq strace)
programs=(/usr/sbin/nginx /usr/bin/tinyproxy /usr/bin/chromium /usr/bin/curl /usr/sbin/logrotate /usr/bin/qemu-arm-static /usr/bin/wat2wasm /usr/bin/gcc /usr/include/stdio.h /usr/bin/clang /usr/bin/wasm-ld /usr/bin/make /usr/bin/systemd-analyze /usr/bin/promtool /usr/bin/tmux /usr/bin/jq /usr/bin/strace)
# The peers of the field's protocols: scripts/peers.sh has those that are not Debian's, of which one is compiled.
packages+=(mosquitto mosquitto-clients libcoap3-bin libmodbus-dev pkg-config socat snmpd snmp knxd knxd-tools postgresql mariadb-server iproute2 nftables autoconf automake python3-dev)
programs+=(/usr/sbin/mosquitto /usr/bin/mosquitto_pub /usr/bin/coap-server-openssl /usr/include/modbus/modbus.h /usr/bin/pkg-config /usr/bin/socat /usr/sbin/snmpd /usr/bin/snmptrap /usr/bin/knxd /usr/bin/knxtool /usr/lib/postgresql/15/bin/postgres /usr/sbin/mariadbd /usr/sbin/ip /usr/sbin/nft /usr/bin/autoconf /usr/bin/automake /usr/include/python3.11/Python.h)

# rusts reports whether some rustc can build for wasm32-unknown-unknown; Debian's finds the target in its package.
rusts() {
  local rustc
  for rustc in ${RUSTC:-} /usr/bin/rustc rustc; do
    compgen -G "$("$rustc" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)/libcore-*.rlib" >/dev/null && return
  done
  return 1
}

missing=()
if [ "${2:-}" = rust ]; then
  rusts || missing+=(rustc libstd-rust-dev-wasm32)
else
  rusts || echo "deps: NOT TESTED HERE: the Rust skeleton, for want of rustc with the target wasm32-unknown-unknown (0.3 GB; scripts/deps.sh install rust)"
  [ -x "${TINYGO:-.cache/tinygo/tinygo}" ] || command -v tinygo >/dev/null ||
    echo "deps: NOT TESTED HERE: the TinyGo skeleton, for want of TinyGo (0.7 GB; make guests-tinygo builds it)"
fi
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv) # for the examples in Python
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
