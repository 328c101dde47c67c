#!/usr/bin/env bash
# package.sh BINARY ARCHITECTURE FOLDER: makes a Debian package of a program that was built, for machines that Debian calls
# ARCHITECTURE, and prints its path. The same program makes the same bytes. DODONA_VERSION names another version than git does.
set -euo pipefail
binary=$1 arch=$2 folder=$3
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# Without a tag, a version that is older than every release, and newer than what was made before it.
tag=$(git describe --tags --match 'v[0-9]*' --dirty=+dirty 2>/dev/null | sed 's/^v//; s/-/+/g' || true)
version=${DODONA_VERSION:-${tag:-0.0.0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(git describe --always --dirty=.dirty)}}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
put() { install -D -m "$1" "$2" "$root/$3"; }
put 755 "$binary" usr/bin/dodona
put 644 packaging/dodona.service usr/lib/systemd/system/dodona.service
put 644 packaging/debian/sysusers.conf usr/lib/sysusers.d/dodona.conf
put 644 packaging/debian/tmpfiles.conf usr/lib/tmpfiles.d/dodona.conf
doc=usr/share/doc/dodona
put 644 LICENSE $doc/copyright
# What the guide links to beyond itself is where everybody finds it.
there=https://github.com/dodona-oracle/dodona/blob/main
for page in docs/guide/*.md docs/kinds/*.md; do
  put 644 "$page" "$doc/${page#docs/}"
  sed -i "s#](\.\./\.\./#]($there/#g; s#](\.\./\(kinds\|guide\)/#](@\1/#g; s#](\.\./#]($there/docs/#g; s#](@#](../#g" "$root/$doc/${page#docs/}"
done
for example in packaging/examples/* packaging/prometheus/dodona.rules.yml; do put 644 "$example" "$doc/examples/${example##*/}"; done
size=$(du -sk "$root" | cut -f1)
mkdir -p "$root/DEBIAN"
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/" packaging/debian/control >"$root/DEBIAN/control"
for script in postinst prerm postrm; do install -m 755 packaging/debian/$script "$root/DEBIAN/$script"; done
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
chmod 755 "$root"
mkdir -p "$folder"
package="$folder/dodona_${version}_$arch.deb"
dpkg-deb --root-owner-group -Zxz -b "$root" "$package" >/dev/null
echo "$package"
