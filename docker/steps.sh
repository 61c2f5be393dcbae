#!/bin/sh
# What the Dockerfile does, as a script that runs anywhere: `docker/steps.sh system`, `install PREFIX [LOCK]`, `check PREFIX`.
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
system) # what Debian has to give: a library that Open3D loads
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends libusb-1.0-0 >/dev/null
    rm -rf /var/lib/apt/lists/*
    ;;
install) # everything of a lock with its hashes, then plantar itself from this folder
    prefix=$2 lock=${3:-requirements.lock}
    python3 -m venv "$prefix"
    "$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
    "$prefix/bin/uv" pip install --quiet --python "$prefix/bin/python" --require-hashes -r "$lock"
    "$prefix/bin/uv" pip install --quiet --python "$prefix/bin/python" --no-deps --no-build-isolation .
    ;;
check) # is what was installed whole, and does it make insoles?
    prefix=$2
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    cd "$place" # not the checkout: what was installed is what runs
    "$prefix/bin/plantar" --version
    printf '%s' '{"schema": "plantar/measure/1", "scans": [{"feet": [{"side": "left", "measures": {"foot_length_mm": 255}}]}]}' >feet.json
    printf 'order,measurements\nfirst,feet.json\n' >orders.csv
    "$prefix/bin/plantar" batch orders.csv -o night --triangles 10000
    "$prefix/bin/plantar" check night/first/left/insole.stl
    ;;
*)
    echo "steps.sh: expected system, install PREFIX [LOCK] or check PREFIX, found ${1:-nothing}" >&2
    exit 2
    ;;
esac
