#!/usr/bin/env bash
# field.sh TIME: one node reads every protocol of the field at once, 50 sources with 200 points a second, while their peers freeze, are killed and
# come back at random, for TIME (such as 10m). Fails if a source stays dead, if memory, goroutines or descriptors grow, or if a round without an
# answer has no cause. Prints the seed; DODONA_FIELD_SEED repeats a run, DODONA_FIELD_PEERS="knx nginx" has these peers alone.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/deps.sh ensure
scripts/contracts.sh deps
scripts/peers.sh
DODONA_FIELD=${1:-10m} go test -tags integration -count=1 -v -timeout 90m ./cmd/dodona/fieldtest -run '^TestTheField$' | grep --line-buffered -vE '^(=== |PASS$)'
