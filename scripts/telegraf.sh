#!/usr/bin/env bash
# telegraf.sh: builds the Telegraf that make bench WHAT=field measures Dodona against, once: .cache/telegraf/telegraf. It is a Go module
# at an exact version, whose hash is below, with the plugins of that comparison alone; nothing of it is in Dodona's go.mod.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v1.37.2
sum=h1:mYr0I/suEw9+UM4KrCFuYuzJuq/e99cINniIwqO6ykw=
tags=custom,inputs.modbus,inputs.mqtt_consumer,outputs.file,parsers.json,parsers.json_v2,parsers.value,serializers.json,serializers.influx
to=$PWD/.cache/telegraf
[ "$(cat "$to/is" 2>/dev/null)" = "$version $tags" ] && [ -x "$to/telegraf" ] && exit
mkdir -p "$to"
module=$(cd "$to" && GOFLAGS=-mod=mod GOWORK=off go mod download -json "github.com/influxdata/telegraf@$version")
field() { sed -n "s/^\t\"$1\": \"\(.*\)\",\?$/\1/p" <<<"$module"; }
[ "$(field Sum)" = "$sum" ] || { echo "telegraf: $version has the hash $(field Sum), want $sum" >&2; exit 1; }
echo "telegraf: builds $version (a few minutes)" >&2
(cd "$(field Dir)" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -tags "$tags" -ldflags '-s -w' -o "$to/telegraf" ./cmd/telegraf)
echo "$version $tags" >"$to/is"
