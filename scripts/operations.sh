#!/usr/bin/env bash
# operations.sh: makes a clean Debian 12 in .cache/operations and runs every command of docs/guide/operations.md on copies of it that systemd
# runs. DEBIAN_MIRROR names another mirror than the one that this machine's apt uses.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in debootstrap systemd-nspawn nsenter dpkg-deb go; do
  command -v $program >/dev/null || { echo "operations: needs $program (Debian: debootstrap, systemd-container, util-linux, dpkg-dev)" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "operations: needs root, to start a machine" >&2; exit 1; }
machine=.cache/operations/bookworm
if [ ! -e $machine.made ]; then
  mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 2>/dev/null | sed -n 1p)}
  [ -n "$mirror" ] || { echo "operations: apt knows no mirror of Debian 12: name one in DEBIAN_MIRROR" >&2; exit 1; }
  rm -rf $machine
  mkdir -p .cache/operations
  echo "operations: makes a Debian 12 of 0.3 GB in $machine" >&2
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,sudo bookworm $machine "$mirror" >.cache/operations/debootstrap.log ||
    { tail .cache/operations/debootstrap.log >&2; exit 1; }
  touch $machine.made
fi
DODONA_MACHINE=$PWD/$machine exec go test -tags 'integration operations' -count=1 -v -timeout 20m -run '^TestOperationsOnACleanMachine$' ./packaging
