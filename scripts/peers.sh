#!/usr/bin/env bash
# peers.sh: installs the programs in Python, JavaScript and Java that the tests of the field's protocols talk to, each at the version
# that internal/peertest/peers pins: virtual environments and jars in .cache/peers, npm packages beside their lock file. It does
# nothing twice. What cannot be had is told as NOT TESTED HERE, and its tests are skipped: Debian's programs are scripts/deps.sh's.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=$PWD/internal/peertest/peers
cache=$PWD/.cache/peers
mkdir -p "$cache"

# lacks WHAT WHY: says that peers are missing.
lacks() { echo "peers: NOT TESTED HERE: what talks to $1, for want of $2"; }

# python NAME: the virtual environment of NAME.txt, each file of which has its hash.
python() {
  local name=$1 venv=$cache/$1 wants=$peers/$1.txt
  cmp -s "$wants" "$venv/wants.txt" && return
  if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    lacks "peers in Python ($name)" "Python 3.11 with venv (Debian: python3-venv)"
    return
  fi
  echo "peers: makes a virtual environment for $name"
  rm -rf "$venv"
  python3 -m venv "$venv"
  if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$wants" >"$cache/$name.log" 2>&1; then
    lacks "peers in Python ($name)" "packages of $name.txt: $(tail -n 1 "$cache/$name.log")"
    rm -rf "$venv"
    return
  fi
  cp "$wants" "$venv/wants.txt"
}

# node: the npm packages, without scripts of theirs.
node() {
  local modules=$peers/node_modules
  cmp -s "$peers/package-lock.json" "$modules/.dodona-lock" && return
  if ! command -v npm >/dev/null; then
    lacks "peers in JavaScript" "Node 20 and npm"
    return
  fi
  echo "peers: installs npm packages"
  if ! npm ci --prefix "$peers" --ignore-scripts --no-audit --no-fund >"$cache/npm.log" 2>&1; then
    lacks "peers in JavaScript" "npm packages: $(tail -n 1 "$cache/npm.log")"
    rm -rf "$modules"
    return
  fi
  cp "$peers/package-lock.json" "$modules/.dodona-lock"
}

# jar GROUP:ARTIFACT:VERSION: one jar of Maven Central.
jar() {
  local name
  name=$(cut -d: -f2,3 <<<"$1" | tr : -).jar
  [ -e "$cache/jars/$name" ] && return
  if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
    lacks "$name" "Java 17 and Maven"
    return
  fi
  echo "peers: takes $name from Maven Central"
  if ! mvn -B -q dependency:copy -Dartifact="$1:jar" -DoutputDirectory="$cache/jars" -Dtransitive=false >"$cache/maven.log" 2>&1; then
    lacks "$name" "the jar: $(grep -m 1 ERROR "$cache/maven.log" || tail -n 1 "$cache/maven.log")"
    rm -f "$cache/jars/$name"
  fi
}

python peers
python sparkplug
node
jar org.eclipse.tahu:tahu-edge-compat:1.0.21
